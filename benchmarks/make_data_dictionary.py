"""Write the table of verdict columns in data/README.md again, from `calcigram.crosscheck.layout`.

python benchmarks/make_data_dictionary.py
"""

from pathlib import Path

from calcigram.crosscheck.layout import dictionary_markdown

PAGE = Path(__file__).parents[1] / "data" / "README.md"
BEGIN, END = "<!-- columns: begin -->\n", "<!-- columns: end -->\n"


def with_columns(page: str) -> str:
    """Return the page with what stands between the two marks replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{dictionary_markdown()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_columns(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
