"""Sound files of every kind, to damage and to blow up: the builders of the tests."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parents[2] / "tests"


@cache
def from_tests(name: str) -> ModuleType:
    """Import a module of the tests, which is no package: ``data/make_examples``, ``mammography``."""
    spec = importlib.util.spec_from_file_location(f"tests_{Path(name).name}", TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def saved(dataset: object) -> bytes:
    """Return a DICOM dataset as the bytes of a file."""
    import io

    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
