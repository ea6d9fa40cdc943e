"""The house of docs/architecture.md, held: floors, words in one place, modules of one concept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import calcigram
from calcigram import lexicon

PACKAGE = Path(calcigram.__file__).parent
ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"

MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500


def rooms_of_the_page() -> dict[str, tuple[int, int]]:
    """Return room -> (floor, place from the left) as the page draws the house."""
    house = ARCHITECTURE.read_text().split("src/calcigram/\n", 1)[1].split("```", 1)[0]
    floors: dict[str, tuple[int, int]] = {}
    floor = 0
    for line in house.splitlines():
        number = re.match(r"\s*(\d)\s", line)
        floor = int(number[1]) if number else floor
        for name in re.findall(r"\b([a-z_]+)(?:\.py|/)", line):
            floors[name] = (floor, len(floors))
    return floors


FLOORS = rooms_of_the_page()
# The convenience constructors of ClusterSet reach, when called, for the tables beside it.
EXCUSED = {("clusters", "longtable")}
ENTRANCES = {"__init__", "__main__"}  # the public names and the command reach every floor


def is_below(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether a room is on a lower floor, or further left on the same."""
    return one[0] < other[0] or (one[0] == other[0] and one[1] < other[1])


def room_of(module: Path) -> str:
    relative = module.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imported_rooms(module: Path) -> Iterator[tuple[str, int]]:
    """Yield (room, line) for each import of the package, late ones too, those for types not."""
    tree = ast.parse(module.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    public = calcigram._HOME
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import, line {node.lineno}"
            if node.module == "calcigram":
                names = [
                    public.get(alias.name, f"calcigram.{alias.name}")
                    for alias in node.names
                    if not alias.name.startswith("__")
                ]
            else:
                names = [node.module]
        for name in names:
            if name.startswith("calcigram."):
                yield name.split(".")[1], node.lineno


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of constants that are docstrings, of modules, classes, functions or attributes."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
class TestModule:
    def test_imports_only_from_floors_below(self, module):
        room = room_of(module)
        if room in ENTRANCES:
            return
        assert room in FLOORS, f"docs/architecture.md does not say on which floor {room!r} is"
        upward = [
            f"line {line}: {other}"
            for other, line in imported_rooms(module)
            if other != room
            and (room, other) not in EXCUSED
            and not (other in FLOORS and is_below(FLOORS[other], FLOORS[room]))
        ]
        assert not upward, f"{room} (floor {FLOORS[room][0]}) imports {upward}"

    def test_is_short(self, module):
        n_lines = len(module.read_text().splitlines())
        assert n_lines <= MAX_LINES, f"{n_lines} lines; one concept a module"

    def test_spells_no_word_of_the_lexicon(self, module):
        if room_of(module) in {"lexicon"}:
            return
        tree = ast.parse(module.read_text())
        exempt = docstrings(tree) | excused(tree)
        spelled = [
            f"line {node.lineno}: {node.value!r}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value in WORDS - NAMESAKES.get(room_of(module), set())
            and id(node) not in exempt
        ]
        assert not spelled, f"use the members of calcigram.lexicon: {spelled}"

    def test_has_a_docstring_that_says_what_it_is_for(self, module):
        if module.read_text() == "":
            return
        docstring = ast.get_docstring(ast.parse(module.read_text()))
        assert docstring
        assert (
            docstring.split("\n", 1)[0].rstrip().endswith((".", ":", ";", ",")) or "\n" in docstring
        )


# `linear`, `round` and the like are also English, names of methods and of simulator mechanisms; these
# words are nothing but the lexicon's, or so long that a second spelling is a copy.
WORDS = {
    str(word)
    for word in (*lexicon.DISTRIBUTION_LABELS, *lexicon.MORPHOLOGY_LABELS, *lexicon.CONCERNS)
} - {"linear", "round"}
NAMESAKES = {
    "features": {"branching"},  # a family of features
    "crosscheck": {"benign", "suspicious"},  # adjectives in a sentence
}


def excused(tree: ast.AST) -> set[int]:
    """Return string constants that name a thing other than the word: attributes and modules."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    arguments = [
        argument
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in {"getattr", "hasattr", "setattr"}
        for argument in call.args
    ]
    exported = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and "'__all__'" in ast.dump(node.targets[0])
        for name in ast.walk(node.value)
    ]
    return {id(node) for node in (*arguments, *exported)}


def test_the_page_draws_every_room():
    rooms = {room_of(m) for m in MODULES} - ENTRANCES
    assert rooms <= set(FLOORS), f"not on the page: {sorted(rooms - set(FLOORS))}"


def test_the_readers_do_not_know_each_other():
    for reader, other in (("model", "rules"), ("rules", "model")):
        for module in (PACKAGE / reader).rglob("*.py"):
            assert other not in {room for room, _ in imported_rooms(module)}


def test_an_upward_import_would_be_seen(tmp_path):
    module = tmp_path / "low.py"
    module.write_text(
        "def f():\n    from calcigram.classify import classify\n    from calcigram import train_model\n"
    )
    assert [room for room, _ in imported_rooms(module)] == ["classify", "model"]
