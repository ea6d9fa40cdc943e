"""The JSON bodies of requests and responses as types: pydantic checks requests, OpenAPI shows both.

Clusters are made from `clusters.MARKS` and verdicts from the columns of the verdict table, so that
they cannot fall behind. What a request may hold in all is checked by `inputs` and `openinference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    TypeAdapter,
    with_config,
)
from typing_extensions import TypedDict

from calcigram.clusters import CLUSTER_COLUMNS, CLUSTER_NAMES, MARK_NAMES, MARKS, Column
from calcigram.crosscheck.layout import COLUMNS

MAX_ID_LENGTH = 200

MAX_RANK = 2
"""Dimensions of a tensor: `points` has two, `offsets` one."""

LARGEST = 3e38
"""float32 ends a little above."""

SMALLEST = 1e-30
"""The lower bound of what must be above 0, so that float32 does not round it to 0."""

NUMPY_TYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    **{f"{sign}INT{bits}": np.dtype(f"{sign}int{bits}".lower()).type for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}").type for bits in (16, 32, 64)},
}  # fmt: skip
"""Data types of tensors in requests; texts (BYTES) stand in responses only."""

_TypedDict: Any = TypedDict  # whose fields a type checker cannot know

_STRICT = with_config(ConfigDict(extra="forbid", strict=True))

# --- clusters


def _number(column: Column) -> Any:
    """Return the type of one value of a column: its range, closed where float32 rounds."""
    low = SMALLEST if column.low_open and column.low == 0 else max(column.low, -LARGEST)
    high = min(column.high, LARGEST)
    return Annotated[
        float,
        Field(
            description=f"{column.unit}: {column.expected}",
            ge=low,
            le=None if column.high_open else high,
            lt=high if column.high_open else None,
        ),
    ]


def _value(column: Column) -> Any:
    return _number(column) if column.required else _number(column) | None


def _array(column: Column) -> Any:
    about = "all arrays of a cluster have the same length"
    return Annotated[list[_value(column)], Field(description=about, fail_fast=True)]  # type: ignore[misc]


def _required(column: Column, kind: Any) -> Any:
    return kind if column.required else NotRequired[kind]


_CONTEXT = {
    "cluster_id": NotRequired[Annotated[str, Field(max_length=MAX_ID_LENGTH)] | None],
    **{column.name: NotRequired[_number(column) | None] for column in CLUSTER_COLUMNS},
}

Point: Any = _STRICT(
    _TypedDict("Point", {column.name: _required(column, _value(column)) for column in MARKS})
)
ClusterOfPoints: Any = _STRICT(
    _TypedDict(
        "ClusterOfPoints", {"points": Annotated[list[Point], Field(fail_fast=True)], **_CONTEXT}
    )
)
ClusterOfColumns: Any = _STRICT(
    _TypedDict(
        "ClusterOfColumns",
        {**{column.name: _required(column, _array(column)) for column in MARKS}, **_CONTEXT},
    )
)

Point.__doc__ = "One calcification of a cluster."
ClusterOfPoints.__doc__ = "A cluster as a list of its calcifications."
ClusterOfColumns.__doc__ = "A cluster as columns: one list per mark."


def _form(body: Any) -> str:
    """Tell by its fields which form a body or a cluster is meant to have."""
    if isinstance(body, Mapping):
        if "clusters" in body:
            return "clusters"
        if "points" not in body and ("x_mm" in body or "y_mm" in body):
            return "columns"
    return "points"


def _without_nulls(body: Any) -> Any:
    """Return a body or a cluster without the fields that are null: they are not given."""
    if isinstance(body, dict) and None in body.values():
        return {name: value for name, value in body.items() if value is not None}
    return body


_OnePointForm = Annotated[ClusterOfPoints, Tag("points")]
_OneColumnForm = Annotated[ClusterOfColumns, Tag("columns")]
Cluster: Any = Annotated[
    _OnePointForm | _OneColumnForm,
    Discriminator(lambda body: "columns" if _form(body) == "columns" else "points"),
    BeforeValidator(_without_nulls),
]
Clusters: Any = _STRICT(
    _TypedDict("Clusters", {"clusters": Annotated[list[Cluster], Field(fail_fast=True)]})
)
Clusters.__doc__ = "Several clusters, each in either form."
CLUSTERS: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        Annotated[Clusters, Tag("clusters")] | _OnePointForm | _OneColumnForm,
        Discriminator(_form),
        BeforeValidator(_without_nulls),
    ]
)
"""Checks the body of a request: ``{"clusters": [...]}``, or a single cluster."""

CLUSTER_FIELDS = ("clusters", "points", "cluster_id", *MARK_NAMES, *CLUSTER_NAMES)


# --- responses


_HOLDS: dict[Any, Any] = {
    str: str | None,
    int: Annotated[int, Field(ge=0)],
    bool: bool,
    float: Annotated[float, Field(ge=0, le=1)] | None,
}

Verdict: Any = _TypedDict(
    "Verdict",
    {
        column.name: _HOLDS[column.holds]
        if isinstance(column.holds, type)
        else Literal[tuple(map(str, column.holds))] | None
        for column in COLUMNS
    },
)
Verdict.__doc__ = "One row of the verdict table."


class Verdicts(TypedDict):
    """One row per cluster, in the order of the request."""

    notice: str
    verdicts: list[Verdict]
    notes: NotRequired[list[str]]


class BadValue(TypedDict):
    """Where a bad value stands, what it is, and what was expected."""

    field: str
    value: str
    expected: str


class Problem(TypedDict):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: NotRequired[list[BadValue]]
    error: NotRequired[Annotated[str, Field(description="the detail, for Open Inference clients")]]


class FeatureMoved(TypedDict):
    """How far one feature moved the model."""

    feature: str
    family: str
    unit: str
    value: float | None
    log_odds: float | None


class Why(TypedDict):
    """Why the model reads one word rather than another."""

    axis: str
    word: str
    other: str
    log_odds: float | None
    start: float | None
    families: Annotated[dict[str, Any], Field(description="log-odds by family of features")]
    features: list[FeatureMoved]


class RuleRead(TypedDict):
    """A rule that fired or nearly did."""

    rule: str
    word: str
    conditions: list[Any]


class Exemplar(TypedDict):
    """A similar training cluster."""

    name: str
    distribution: str
    morphology: str
    likeness: float | None


class Change(TypedDict):
    """A change that would change the concern."""

    kind: str
    distribution: str
    morphology: str
    concern: str | None


class Risk(TypedDict):
    """Outcomes of lesions with this pattern."""

    p_malignant: float | None
    p_malignant_low: float | None
    p_malignant_high: float | None


class Explanation(TypedDict):
    """Why one cluster is read so."""

    notice: str
    cluster_id: str
    n_calcifications: Annotated[int, Field(ge=0)]
    model: Annotated[dict[str, Any], Field(description="the model's words, probabilities and sets")]
    rules: Annotated[
        dict[str, Any], Field(description="the rules' words, and the concerns that follow")
    ]
    review: bool
    reason: str
    why: list[Why]
    fired: list[RuleRead]
    missed: list[RuleRead]
    examples: list[Exemplar]
    changes: list[Change]
    risk: Risk
    model_version: str


class Feature(TypedDict):
    """A row of the catalogue of features."""

    name: str
    family: str
    unit: str
    formula: str
    source: str


class Model(TypedDict):
    """The model that reads."""

    notice: str
    calcigram: str
    version: str
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    catalogue_hash: str
    card: Annotated[
        dict[str, Any],
        Field(description="how the model was trained, and its figures on clusters held out"),
    ]
    features: list[Feature]


class Threshold(TypedDict):
    """A row of the recognition rules."""

    rule: str
    feature: str
    source: str


class Rules(TypedDict):
    """The rules as data."""

    notice: str
    recognition: list[Threshold]
    rulebooks: Annotated[dict[str, Any], Field(description="the lines of each rulebook")]


class Live(TypedDict):
    """The process lives."""

    live: bool


class Ready(TypedDict):
    """The server accepts requests."""

    ready: bool


# --- the Open Inference Protocol


class TensorParameters(TypedDict):
    """Parameters of a tensor or of a request; those that are not ours are ignored."""

    binary_data_size: NotRequired[Annotated[int, Field(ge=0, strict=True)]]
    binary_data: NotRequired[StrictBool]
    binary_data_output: NotRequired[StrictBool]


class V2Tensor(TypedDict):
    """A tensor of a request: its values in JSON, or as bytes after the JSON."""

    name: str
    datatype: Literal[tuple(NUMPY_TYPES)]  # type: ignore[valid-type]
    shape: Annotated[
        list[Annotated[int, Field(ge=0, strict=True)]],
        Field(min_length=1, max_length=MAX_RANK, fail_fast=True),
    ]
    data: NotRequired[list[Any]]
    parameters: NotRequired[TensorParameters | None]


class V2Output(TypedDict):
    """A tensor that is asked for."""

    name: str
    parameters: NotRequired[TensorParameters | None]


class V2Request(TypedDict):
    """Clusters as two tensors, `points` and `offsets`."""

    id: NotRequired[str | None]
    inputs: Annotated[list[V2Tensor], Field(fail_fast=True)]
    outputs: NotRequired[Annotated[list[V2Output], Field(fail_fast=True)] | None]
    parameters: NotRequired[TensorParameters | None]


V2_REQUEST: TypeAdapter[Any] = TypeAdapter(V2Request)


class V2Result(TypedDict):
    """A tensor of a response."""

    name: str
    datatype: str
    shape: list[Annotated[int, Field(ge=0)]]


class V2Response(TypedDict):
    """One tensor per column of the verdict table."""

    model_name: str
    model_version: str
    outputs: list[V2Result]


class V2Server(TypedDict):
    """The server, and what it can do beyond the protocol."""

    name: str
    version: str
    extensions: list[str]


class V2ModelReady(TypedDict):
    """Whether the model is ready."""

    name: str
    ready: bool


class V2TensorMetadata(TypedDict):
    """A tensor of the model; a length of -1 is any."""

    name: str
    datatype: str
    shape: list[int]


class V2Model(TypedDict):
    """The tensors of the model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[V2TensorMetadata]
    outputs: list[V2TensorMetadata]


def ref(kind: Any) -> dict[str, Any]:
    """Return a reference to a type in the OpenAPI document."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def components() -> dict[str, Any]:
    """Return the schemas of what FastAPI does not see: bodies of requests, and refusals."""
    kinds = (Clusters, ClusterOfPoints, ClusterOfColumns, V2Request, Problem)
    _, document = TypeAdapter.json_schemas(
        [(kind.__name__, "validation", TypeAdapter(kind)) for kind in kinds],
        ref_template="#/components/schemas/{model}",
    )
    found: dict[str, Any] = document["$defs"]
    return found
