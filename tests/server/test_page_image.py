"""A mammogram on the page, in a real browser: marks detected, one deleted, one added by a click."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("pydicom", reason="the extra [dicom] is not installed")

from tests.server import test_page
