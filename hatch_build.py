"""Put the shipped model and tables into the wheel; an editable install reads them where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = {
    "models/default": "calcigram/_shipped/models/default",
    "data/sample_clusters.csv": "calcigram/_shipped/data/sample_clusters.csv",
    "data/cbis_ddsm_counts.csv": "calcigram/_shipped/data/cbis_ddsm_counts.csv",
}


class ShippedFiles(BuildHookInterface):
    """Add `SHIPPED` to a wheel, and refuse to build one without them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files, unless the install is editable."""
        if version == "editable":
            return
        missing = [source for source in SHIPPED if not (Path(self.root) / source).exists()]
        if missing:
            raise FileNotFoundError(f"a wheel needs {', '.join(missing)}")
        build_data["force_include"].update(
            {str(Path(self.root) / source): target for source, target in SHIPPED.items()}
        )
