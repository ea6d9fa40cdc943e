"""Every public name has a numpydoc docstring that says what a user must know."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Collection

import pytest
from numpydoc.validate import validate

import calcigram

# https://numpydoc.readthedocs.io/en/stable/validation.html
EVERYWHERE = {
    "GL08": "there is a docstring",
    "SS01": "there is a summary",
    "SS03": "the summary ends with a period",
    "SS06": "the summary fits one line",
    "PR02": "no parameter is documented that is not there",
    "PR03": "parameters are documented in order",
}
# A docstring that documents one parameter documents them all; the interface always does.
PARAMETERS = {"PR01": "every parameter is documented"}
INTERFACE = (
    EVERYWHERE
    | PARAMETERS
    | {
        "RT01": "there is a Returns section",
        "EX01": "there is an example",
    }
)


def public_names() -> list[str]:
    """Return the dotted name of each public class and function of each public module."""
    names = []
    for info in pkgutil.walk_packages(calcigram.__path__, "calcigram."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            is_ours = getattr(value, "__module__", None) == info.name
            is_code = (
                inspect.isclass(value) or inspect.isfunction(value) or hasattr(value, "py_func")
            )
            if is_ours and is_code and not name.startswith("_"):
                names.append(f"{info.name}.{name}")
    return names


def faults(name: str, checks: Collection[str]) -> list[str]:
    return [f"{code} {text}" for code, text in validate(name)["errors"] if code in checks]


def is_class(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    return inspect.isclass(getattr(importlib.import_module(module), attribute))


def is_kernel(name: str) -> bool:
    """Tell whether numba compiled it: kernels are called by position, from one place each."""
    module, _, attribute = name.rpartition(".")
    return hasattr(getattr(importlib.import_module(module), attribute), "py_func")


def documented(name: str) -> str:
    module, _, attribute = name.rpartition(".")
    value = getattr(importlib.import_module(module), attribute)
    return inspect.getdoc(getattr(value, "py_func", value)) or ""


@pytest.mark.parametrize("name", public_names())
def test_docstring(name):
    checks = set(EVERYWHERE)
    if not is_kernel(name) and "Parameters\n---" in documented(name):
        checks |= set(PARAMETERS)
    assert not faults(name, checks)


@pytest.mark.parametrize(
    "name", [f"{getattr(calcigram, n).__module__}.{n}" for n in calcigram.__all__]
)
def test_docstring_of_the_interface(name):
    # numpydoc takes the fields of a dataclass for parameters; ours stand under Attributes
    checks = set(INTERFACE) - ({"PR01", "RT01", "EX01"} if is_class(name) else set())
    assert not faults(name, checks)


def test_a_bad_docstring_would_be_seen(monkeypatch):
    from calcigram import wording

    monkeypatch.setattr(
        wording.plain, "__doc__", "Returns words\n\nParameters\n----------\nx : int\n"
    )
    assert {fault[:4] for fault in faults("calcigram.wording.plain", INTERFACE)} >= {
        "SS03", "PR01", "PR02", "RT01", "EX01",
    }  # fmt: skip
