"""Write the generated tables of docs/rules.md again, from the rule files.

python benchmarks/make_rules_page.py
"""

from pathlib import Path

import pandas as pd

from calcigram.consequences import load_rulebook
from calcigram.rulebooks import SHIPPED
from calcigram.rules import consequence_table, recognition_table, rulebook_table
from calcigram.wording import markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def rules_markdown() -> str:
    """Return all rules as Markdown: what stands between the marks of ``docs/rules.md``."""
    recognition = recognition_table()
    parts = []
    for axis in recognition["axis"].unique():
        parts += [f"### Recognition: {axis}", _recognition_markdown(recognition, axis)]
    for name in SHIPPED:
        lines = rulebook_table(name).drop(columns=["document", "why"])
        lines = lines.rename(columns={"form": "morphology"})
        parts += [f"### Consequences: {name}", load_rulebook(name).title + "."]
        parts += [markdown_table(lines), f"The concern of every pair under `{name}`:"]
        parts += [markdown_table(consequence_table(name).reset_index())]
    return "\n\n".join(parts) + "\n"


def _recognition_markdown(recognition: pd.DataFrame, axis: str) -> str:
    """Name a rule and its word once, on the first of its conditions."""
    table = recognition[recognition["axis"] == axis].drop(columns="axis").reset_index(drop=True)
    repeated = table["rule"].duplicated()
    value = table["value"].map(lambda number: "" if number != number else f"{number:g}")
    unit = table["unit"].where(table["unit"] != "1", "")
    shown = table.assign(
        rule=table["rule"].str.removeprefix(f"{axis}.").where(~repeated, ""),
        word=table["word"].where(~repeated, ""),
        condition=(
            table["feature"] + " " + table["comparison"] + " " + value + " " + unit
        ).str.strip(),
    )
    return markdown_table(shown[["rule", "word", "condition", "basis", "why", "source"]])


def with_tables(page: str) -> str:
    """Return the page with what stands between the two marks replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{rules_markdown()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
