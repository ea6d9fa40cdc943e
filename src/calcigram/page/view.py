"""The view: the drawing, what is loaded, the verdict and the exports, wired together.

Reading is not done here: the view is given a function from clusters to verdicts, and calls it
off the event loop.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn

from calcigram.classify import missing_note
from calcigram.clusters import CLUSTER_NAMES, ClusterSet
from calcigram.errors import BadInputError, CalcigramError
from calcigram.page import files, texts
from calcigram.page.editor import Editor
from calcigram.page.files import MAX_POINTS, Opened, examples, first_example, open_file
from calcigram.page.sketch import (
    DRAWN_SIZE_MM,
    NOT_GROWN,
    cluster_of,
    columns_from_text,
    columns_of,
    grown_into,
    text_of,
    to_grow,
    with_outlines,
    without,
)
from calcigram.page.widgets import Widgets, uploaded
from calcigram.wording import plain, printable

if TYPE_CHECKING:
    import pandas as pd

    from calcigram.page.files import Picture

DETAIL_AFTER_S = 0.3
"""After the last move of an image, the part in sight is sent in detail."""

MAX_PAST = 200
"""Changes that can be taken back."""

_State = tuple[str, dict[str, float], int | None, dict[str, list[Any]]]
"""Id, context and place in the list of what is drawn, and its columns."""


class View:
    """What one person sees.

    Parameters
    ----------
    read : callable
        From clusters to verdicts, as `calcigram.classify`.
    opened : Opened, optional
        What is shown first; by default an example on which all sources agree.
    explain : callable, optional
        From one cluster to the HTML that explains its reading.
    open_file : callable
        From the bytes of a file, and options of `read_clusters`, to what it holds.
    first : callable, optional
        Gives what `first_example` does, where it need not be read anew.
    in_chunks : bool
        Whether files come through the socket of a server.
    """

    def __init__(
        self,
        read: Callable[[ClusterSet], pd.DataFrame],
        opened: Opened | None = None,
        explain: Callable[[ClusterSet], str] | None = None,
        open_file: Callable[..., Opened] = open_file,
        first: Callable[[], tuple[str, pd.DataFrame]] | None = None,
        *,
        in_chunks: bool = False,
    ) -> None:
        self._read, self._explain, self._open_file = read, explain, open_file
        self._clusters: ClusterSet | None = None
        self._image: Picture | None = None
        self._rows: list[dict[str, Any]] = []
        self._notes: list[str] = []
        self._drawn_id, self._context = "drawn", dict[str, float]()
        self._shown: int | None = None
        self._turn = self._n_loads = self._n_looks = 0
        self._file = b""
        self._past: list[_State] = []
        self.widgets = Widgets(
            [
                (self._saved(files.table, self._all), "verdicts.csv", "Save the table"),
                (self._saved(files.picture, self._cluster), "cluster.png", "Save the picture"),
                (self._saved(files.report, self._all), "report.html", "Save the report"),
            ],
            can_explain=explain is not None,
            name=(name := f"v{id(self):x}"),
            in_chunks=in_chunks,
        )
        self._is_read = True
        self.editor = Editor(
            self._on_drawn, self._on_moved, self._on_settled, self._on_looked, name
        )
        if opened is None:
            example, verdicts = first() if first else first_example(read)
            self.widgets.example.value = example
            opened = Opened(examples()[example])
        else:
            verdicts = read(opened.clusters)
        self._wire()
        self._show_all(opened, verdicts)

    def _wire(self) -> None:
        widgets = self.widgets
        for widget, parameter, react in (
            (widgets.example, "value", self._on_example),
            (widgets.upload, "value", self._on_upload),
            (widgets.listed, "value", self._on_listed),
            (widgets.size, "value", self._on_size),
            (widgets.why, "collapsed", self._explain_drawn),
            *((field, "value", self._on_reading) for field in widgets.reading.values()),
        ):
            widget.param.watch(react, parameter)
        widgets.apply.on_click(self._on_text)
        widgets.clear.on_click(self._on_clear)
        widgets.undo.on_click(self._on_undo)
        widgets.delete.on_click(self._on_delete)

    def layout(self) -> Any:
        """Return the view for Panel to show."""
        return self.widgets.layout(self.editor.figure)

    async def _on_example(self, event: Any) -> None:
        if event.new:
            self._file = b""
            await self._load(lambda: Opened(examples()[event.new]))

    async def _on_upload(self, event: Any) -> None:
        self._file = uploaded(event.new)
        await self._on_reading(event)

    async def _on_reading(self, _: Any) -> None:
        """Read the file that was dropped; again, when it is said how it is to be read."""
        if not self._file:
            return
        file, fields = self._file, {n: widget.value for n, widget in self.widgets.reading.items()}
        self._later(lambda: self._tell(texts.READING_HTML))
        await self._load(lambda: self._open_file(file, **fields), is_example=False)

    async def _on_text(self, _: Any) -> None:
        try:
            columns = columns_from_text(self.widgets.points.value or "")
        except BadInputError as error:
            self._refuse(error, unread=True)
            return
        self._remember(self.editor.columns)
        self._replace(columns)

    async def _on_clear(self, _: Any) -> None:
        self._remember(self.editor.columns)
        self._drawn_id, self._context, self._shown = "drawn", {}, None
        self._replace(columns_from_text(""))

    async def _on_size(self, event: Any) -> None:
        """Give the points that are selected the size that was entered."""
        columns = self.editor.columns
        size_mm = float(event.new or DRAWN_SIZE_MM)  # the usual one where the field is empty
        self._later(lambda: self.editor.set_new_size(size_mm))
        if event.new is None or not self.editor.selected:
            return
        self._remember(columns)
        sizes = list(columns["diameter_mm"])
        for i in self.editor.selected:
            sizes[i] = float(event.new)
        self._replace(with_outlines(columns | {"diameter_mm": sizes}), frame=False)

    async def _on_delete(self, _: Any) -> None:
        """Delete the points that are selected, as Backspace does: a phone has none."""
        columns, selected = self.editor.columns, set(self.editor.selected)
        if selected:
            self._remember(columns)
            self._replace(without(columns, selected), frame=False)

    async def _on_undo(self, _: Any) -> None:
        if self._past:
            self._drawn_id, self._context, self._shown, columns = self._past.pop()
            self._replace(columns, frame=False)

    def _on_drawn(self, before: dict[str, list[Any]]) -> None:
        self._remember(before)
        self._hide_verdict("Reading these points …")
        columns = self.editor.columns
        if len(columns["x_mm"]) <= MAX_POINTS:
            self.widgets.points.value = text_of(columns)
        if self._image is None:
            pn.state.execute(self._update)
            return
        picture, todo = self._image, to_grow(before, columns)

        async def grow_and_update() -> None:
            await self._grow(picture, todo)
            await self._update()

        pn.state.execute(grow_and_update)

    async def _grow(self, picture: Picture, todo: list[tuple[float, float]]) -> None:
        """Grow points that were clicked or dragged to their outlines; one that has none stays, and is marked so."""
        if not todo:
            self._later(self._tell_of_image)
            return
        x, y = ([place[k] for place in todo] for k in (0, 1))
        measured = await asyncio.to_thread(picture.measure, x, y)
        grown = dict(zip(todo, measured, strict=True))

        def show() -> None:
            if picture is not self._image:
                return
            changes, twice = grown_into(self.editor.columns, grown)
            self.editor.patch(changes)
            if twice:
                self.editor.show(without(self.editor.columns, twice), frame=False)
            self.widgets.points.value = text_of(self.editor.columns)
            self._tell_of_image(n_twice=len(twice))

        self._later(show)

    def _on_looked(self) -> None:
        """Send what is in sight of an image in detail, when it has not moved for a while."""
        picture = self._image
        if picture is None:
            return
        self._n_looks += 1
        look = self._n_looks

        async def send() -> None:
            await asyncio.sleep(DETAIL_AFTER_S)
            if look != self._n_looks:
                return
            box = self.editor.in_sight
            if picture.step(box) >= picture.step(picture.box):  # the whole shows as much
                return
            columns = picture.shown(box)
            self._later(lambda: self.editor.show_detail(columns))

        pn.state.execute(send)

    def _on_settled(self) -> None:
        if self._is_read:
            self.editor.acknowledge()

    def _on_moved(self, columns: dict[str, list[Any]]) -> None:
        async def read() -> None:
            await self._update(columns)

        pn.state.execute(read)

    def _remember(self, columns: dict[str, list[Any]]) -> None:
        """Keep what is drawn, so that a change can be taken back."""
        self._past.append((self._drawn_id, self._context, self._shown, columns))
        del self._past[:-MAX_PAST]
        self._later(self._offer_undo)

    def _offer_undo(self) -> None:
        self.widgets.undo.disabled = not self._past

    async def _on_listed(self, event: Any) -> None:
        # This is also called when a load selects its first cluster: showing that again would
        # overwrite what someone has begun to type.
        if event.new is None or self._clusters is None or event.new == self._shown:
            return
        rows = self._rows

        def show() -> None:
            if rows is self._rows:  # else others were loaded meanwhile
                self._show(int(event.new))

        self._later(show)

    async def _explain_drawn(self, _: Any = None) -> None:
        """Explain what is drawn, as long as the explanation is open."""
        if self._explain is None or self.widgets.why.collapsed:
            return
        turn = self._turn
        try:
            html = await asyncio.to_thread(self._explain, self._cluster())
        except CalcigramError as error:
            html = texts.message_html(str(error))

        def show() -> None:
            if turn == self._turn:
                self.widgets.explanation.object = html

        self._later(show)

    async def _load(self, get: Callable[[], Opened], *, is_example: bool = True) -> None:
        """Read clusters and show them all, unless another load was begun since."""
        self._n_loads += 1
        load = self._n_loads
        try:
            opened = await asyncio.to_thread(get)
            verdicts = await asyncio.to_thread(self._read, opened.clusters)
        except CalcigramError as error:
            if load == self._n_loads:
                self._later(self._tell_of_image)
                self._refuse(error)
            return

        def show() -> None:
            if load == self._n_loads:
                self._show_all(opened, verdicts)
                if not is_example:
                    self.widgets.example.value = ""

        self._later(show)

    async def _update(self, moving: dict[str, list[Any]] | None = None) -> None:
        """Read what is drawn; of several changes in a row only the last is shown.

        What is `moving` is read and kept nowhere.
        """
        self._turn += 1
        turn = self._turn
        self._is_read = False
        try:
            cluster = self._cluster(moving)
            verdicts = await asyncio.to_thread(self._read, cluster)
        except CalcigramError as error:
            if turn == self._turn:
                self._refuse(error, unread=True)
            return
        (row,) = _rows(verdicts)

        def show() -> None:
            if turn != self._turn:  # something else is shown by now
                return
            self._show_verdict(row, missing_note(cluster, verdicts), explain=moving is None)
            if moving is None:
                self._keep(cluster, row)

        self._later(show)

    def _keep(self, cluster: ClusterSet, row: dict[str, Any]) -> None:
        """Keep a cluster as it was changed, and what is read of it, among those that were loaded."""
        i = self._shown
        if i is None or self._clusters is None:
            return
        self._clusters = files.replaced(self._clusters, i, cluster)
        self._rows[i] = row
        self._list(self.widgets.listed.options.values())

    def _later(self, show: Callable[[], None]) -> None:
        """Change what is shown: under the document's lock where there is a server."""
        document = self.editor.figure.document
        if document is not None and document.session_context is not None:
            document.add_next_tick_callback(show)
        else:
            show()

    def _replace(self, columns: dict[str, list[float]], *, frame: bool = True) -> None:
        """Put other points into the drawing, and read them."""

        def show() -> None:
            self._hide_verdict("Reading these points …")
            self.editor.show(columns, frame=frame)
            self.widgets.points.value = text_of(columns)
            self._offer_undo()
            self._tell_of_image()
            pn.state.execute(self._update)

        self._later(show)

    def _show_all(self, opened: Opened, verdicts: pd.DataFrame) -> None:
        from calcigram.report import review_order

        clusters, picture = opened
        self._clusters, self._rows = clusters, _rows(verdicts)
        self._notes = missing_note(clusters, verdicts)
        if picture is not None or self._image is not None:
            overview, box = (picture.shown(picture.box), picture.box) if picture else (None, None)
            self.editor.show_image(overview, box)
        self._image = picture
        self.editor.set_new_size(float(self.widgets.size.value or DRAWN_SIZE_MM))
        order = [int(i) for i in review_order(verdicts)]
        self._list(order)
        self._show(order[0])
        self.widgets.listed.value = order[0]

    def _list(self, order: Iterable[int]) -> None:
        """Name the clusters that were loaded, in this order."""
        self.widgets.listed.options = {_named(self._rows[i], i): i for i in order}

    def _show(self, i: int) -> None:
        assert self._clusters is not None
        self._shown = i
        cluster = self._clusters[i]
        self._drawn_id = str(cluster.cluster_id[0])
        self._context = {name: float(getattr(cluster, name)[0]) for name in CLUSTER_NAMES}
        columns = columns_of(cluster)
        self._past.clear()
        self._offer_undo()
        self.editor.show_others(self._others(i))
        self.editor.show(columns)
        self.widgets.points.value = text_of(columns)
        self._tell_of_image()
        self._show_verdict(self._rows[i], self._notes)

    def _others(self, i: int) -> dict[str, list[float]]:
        """Return the marks of an image that are not of the cluster that is shown."""
        if self._image is None or self._clusters is None:
            return {"x_mm": [], "y_mm": []}
        marks = [columns_of(self._clusters[k]) for k in range(len(self._clusters)) if k != i]
        return {
            name: sum((one[name] for one in marks), list(values))
            for name, values in self._image.loose.items()
        }

    def _show_verdict(
        self, row: dict[str, Any], notes: Sequence[str], *, explain: bool = True
    ) -> None:
        self._say("")
        self._is_read = True
        self.editor.acknowledge()
        self._turn += 1  # an explanation that is under way is of another verdict
        self.widgets.verdict.object = texts.verdict_html(row, notes)
        self.widgets.rules.object = texts.rules_html(row)
        self.widgets.probabilities.object = texts.probabilities_html(row)
        if not explain:
            return
        self.widgets.explanation.object = ""
        if not self.widgets.why.collapsed:
            pn.state.execute(self._explain_drawn)

    def _hide_verdict(self, why: str) -> None:
        """Show no verdict, explanation or probability until these points are read."""
        self._turn += 1  # what is under way is of other points
        self._is_read = False
        self.widgets.verdict.object = texts.unread_html(why)
        for part in (self.widgets.rules, self.widgets.probabilities, self.widgets.explanation):
            part.object = ""

    def _cluster(self, columns: dict[str, list[Any]] | None = None) -> ClusterSet:
        return cluster_of(columns or self.editor.columns, self._drawn_id, self._context)

    def _refuse(self, error: CalcigramError, *, unread: bool = False) -> None:
        """Say what was refused; of points that are `unread`, no verdict stands beside it."""
        message = str(error)

        def show() -> None:
            self._say(message)
            if unread:
                self._hide_verdict("These points were not read; the message above says why.")

        self._later(show)

    def _tell_of_image(self, n_twice: int = 0) -> None:
        """Say what was read of an image, and what of its marks was not measured."""
        if self._image is None:
            self._tell("")
            return
        n_not_grown = self.editor.columns["sign"].count(NOT_GROWN)
        self._tell(texts.image_html(self._image.notes, n_not_grown, n_twice))

    def _tell(self, html: str) -> None:
        self.widgets.image.object = html

    def _say(self, message: str) -> None:
        self.widgets.message.object = texts.message_html(message)

    def _saved(self, write: Callable[..., io.BytesIO], get: Callable[[], ClusterSet]) -> Any:
        """Return what a button calls: it writes the clusters as they stand then."""

        async def written() -> io.BytesIO:
            return await asyncio.to_thread(write, self._read, get())

        return written

    def _all(self) -> ClusterSet:
        """Return what was loaded, the cluster that is drawn as it stands now."""
        return files.replaced(self._clusters, self._shown, self._cluster())


def _rows(verdicts: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values."""
    return [{str(k): v for k, v in row.items()} for row in verdicts.to_dict("records")]


def _named(row: Any, i: int) -> str:
    look = "! " if row["review"] else ""
    distribution, morphology, concern = plain(
        [row["distribution"], row["morphology"], row["concern"]]
    )
    name = printable(str(row["cluster_id"]))
    return f"{look}{name}: {distribution}, {morphology}; {concern} (no. {i + 1})"
