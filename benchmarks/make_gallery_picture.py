"""Draw the README's picture from the atlas: the example of each word, as an X-ray image and as outlines.

python benchmarks/make_gallery_picture.py
"""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from calcigram.atlas import atlas_entries, draw_schematic, draw_xray, specimens
from calcigram.lexicon import DISTRIBUTIONS, MORPHOLOGIES
from calcigram.wording import plain

TARGET = Path(__file__).parents[1] / "docs" / "img" / "gallery.png"
WIDTH, GAP, LINE, DPI = 12.0, 0.06, 0.22, 84
"""Of the picture, between tiles, of a line of text (all in inches); dots per inch."""


def main() -> None:
    """Write docs/img/gallery.png."""
    entries = {entry.word: entry for entry in atlas_entries()}
    tiles = {words: WIDTH / len(words) for words in (DISTRIBUTIONS, MORPHOLOGIES)}
    text = {DISTRIBUTIONS: 1.5 * LINE, MORPHOLOGIES: 2.5 * LINE}
    height = sum(2 * tile + text[words] for words, tile in tiles.items())
    figure = Figure(figsize=(WIDTH, height))
    top = height
    for words, tile in tiles.items():
        for k, (word, name) in enumerate(zip(words, plain(words), strict=True)):
            example, _ = specimens(entries[word])
            x = k * tile
            lines = name.replace(" ", "\n") if words is MORPHOLOGIES else name
            figure.text(
                (x + 0.5 * tile) / WIDTH, (top - text[words] + 0.05) / height, lines,
                ha="center", va="bottom", fontsize=10,
            )  # fmt: skip
            for row in range(2):
                y = top - text[words] - (row + 1) * tile + GAP
                ax = figure.add_axes(
                    (x / WIDTH, y / height, (tile - GAP) / WIDTH, (tile - GAP) / height)
                )
                if row == 0:
                    draw_xray(example, ax, most_px=round(tile * DPI))
                else:
                    draw_schematic(example, ax)
        top -= 2 * tile + text[words]
    figure.savefig(TARGET, dpi=DPI)


if __name__ == "__main__":
    with rc_context({"font.size": 6}):
        main()
