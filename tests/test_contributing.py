"""Every picture of the documentation is made by a script that CONTRIBUTING names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_picture_has_its_script():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    named = dict(re.findall(r"\| `docs/img/(\S+\.png)` \| `(benchmarks/\S+\.py)` \|", page))
    assert set(named) == {path.name for path in (ROOT / "docs" / "img").glob("*.png")}
    for picture, script in named.items():
        text = (ROOT / script).read_text() + (
            ROOT / "benchmarks/validation_sections.py"
        ).read_text()
        assert picture in text, script
