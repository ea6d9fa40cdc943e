"""A mammogram on the page, in a real browser: marks detected, one deleted, one added by a click."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")

