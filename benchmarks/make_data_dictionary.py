"""Write the table of verdict columns in data/README.md again, from `calcigram.crosscheck.layout`.

python benchmarks/make_data_dictionary.py
"""

from pathlib import Path

from calcigram.crosscheck.layout import COLUMNS, REPORTED

PAGE = Path(__file__).parents[1] / "data" / "README.md"
BEGIN, END = "<!-- columns: begin -->\n", "<!-- columns: end -->\n"


def dictionary_markdown() -> str:
    """Return the table of the columns that stands in ``data/README.md``."""
    kinds: dict[object, str] = {
        str: "text",
        int: "whole number",
        bool: "true or false",
        float: "0 to 1",
    }
    rows: dict[tuple[str, str, str], list[str]] = {}
    for column in (*COLUMNS, *REPORTED):
        holds = kinds.get(column.holds) or ", ".join(f"`{word}`" for word in column.holds)  # type: ignore[union-attr]
        name = f"`{column.family or column.name}`"
        names = rows.setdefault((holds, column.step, column.meaning), [])
        names += [name] if name not in names else []
    lines = ["| column | holds | from | meaning |", "|---|---|---|---|"]
    lines += [f"| {', '.join(names)} | {' | '.join(row)} |" for row, names in rows.items()]
    return "\n".join(lines) + "\n"


def with_columns(page: str) -> str:
    """Return the page with what stands between the two marks replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{dictionary_markdown()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_columns(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
