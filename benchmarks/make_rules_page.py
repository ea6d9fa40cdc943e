"""Write the generated tables of docs/rules.md again, from the rule files.

python benchmarks/make_rules_page.py
"""

from pathlib import Path

from calcigram.rules.tables import rules_markdown

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def with_tables(page: str) -> str:
    """Return the page with what stands between the two marks replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{rules_markdown()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
