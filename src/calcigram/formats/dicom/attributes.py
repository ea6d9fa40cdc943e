"""Attributes of datasets as other programs write them: what is missing or damaged reads as nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calcigram.formats.dicom.concepts import Coded

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_CODE_TEXT = 1_024
"""Meanings have at most 64 characters (PS3.5, LO); longer ones are cut, as each is compared with many."""

_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def coded(dataset: Dataset | None) -> Coded | None:
    """Return an item of a code sequence; None where it holds no code."""
    value = next((text for name in _CODE_VALUES if (text := _short(dataset, name).strip())), "")
    scheme, meaning = _short(dataset, "CodingSchemeDesignator"), _short(dataset, "CodeMeaning")
    return Coded(value, scheme.strip(), meaning) if value or meaning else None


def _short(dataset: Any, name: str) -> str:
    return text_of(dataset, name)[:MAX_CODE_TEXT]


def items_of(dataset: Any, name: str) -> list[Dataset]:
    """Return the items of a sequence; none where there is no such sequence."""
    try:
        return [item for item in _value(dataset, name) or [] if hasattr(item, "keys")]
    except TypeError:
        return []


def first_of(dataset: Any, name: str) -> Dataset | None:
    """Return the first item of a sequence; None where there is none."""
    return next(iter(items_of(dataset, name)), None)


def text_of(dataset: Any, name: str) -> str:
    """Return a value as text; empty where there is none."""
    value = _value(dataset, name)
    return "" if value is None else str(value)


def numbers_of(dataset: Any, name: str) -> list[float]:
    """Return the numbers of an attribute, one or several; none where one of them is no number.

    Examples
    --------
    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.ImagerPixelSpacing = [0.07, 0.07]
    >>> numbers_of(header, "ImagerPixelSpacing"), numbers_of(header, "PixelSpacing")
    ([0.07, 0.07], [])
    """
    value = _value(dataset, name)
    if value is None or (isinstance(value, str) and not value):
        return []
    try:
        return [float(number) for number in _several(value)]
    except (TypeError, ValueError):
        return []


def whole_of(dataset: Any, name: str, default: int = 0) -> int:
    """Return the first number of an attribute as a whole one; `default` where it is none from 0 to a million."""
    numbers = numbers_of(dataset, name)
    return int(numbers[0]) if numbers and 0 <= numbers[0] < 1e6 else default


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, int | float | str) else list(value)


def _value(dataset: Any, name: str) -> Any:
    return dataset.get(name) if dataset is not None and name in dataset else None
