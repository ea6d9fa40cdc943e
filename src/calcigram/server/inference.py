"""The Open Inference Protocol v2 under ``/v2``: verdicts for programs that know no more of us.

Clusters go in as two flat tensors, `points` and `offsets`; each column of the verdict table
comes out as a tensor of one value a cluster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request, Response

from calcigram._version import __version__
from calcigram.clusters import CLUSTER_NAMES, MARK_NAMES
from calcigram.columns import Columns
from calcigram.server import description, jobs
from calcigram.server.answers import JSON, values_of
from calcigram.server.engine import SMALL_BYTES, SMALL_POINTS
from calcigram.server.jsonbody import check_lengths
from calcigram.server.points import Points
from calcigram.server.problems import Problem
from calcigram.server.routes import as_json, check_type, service_of
from calcigram.server.service import Service, datatype_of
from calcigram.server.settings import Settings
from calcigram.server.tensors import HEADER_LENGTH, Inference, read_inference, write_inference

NAME, VERSION = "calcigram", "1"

BINARY = "application/octet-stream"

N_POSITIONS = 2

router = APIRouter(default_response_class=Response)

reading = APIRouter(default_response_class=Response)
"""Routes that read clusters; `shortcut` answers them."""

_MODEL = f"/v2/models/{NAME}"
_VERSIONED = f"{_MODEL}/versions/{VERSION}"


@router.get("/v2/health/live", **description.V2_LIVE)
async def live() -> Response:
    """Answer, as long as the process does."""
    return as_json({"live": True})


@router.get("/v2/health/ready", **description.V2_READY)
async def ready(request: Request) -> Response:
    """Say whether requests are taken."""
    if not service_of(request).is_ready:
        raise Problem("stopping", "The server starts or stops.", retry_after=1)
    return as_json({"ready": True})


@router.get("/v2", **description.V2_SERVER)
async def server_metadata() -> Response:
    """Name the server and what it can do beyond the protocol."""
    return as_json(server_document())


@router.get(f"{_VERSIONED}/ready", include_in_schema=False)
@router.get(f"{_MODEL}/ready", **description.V2_MODEL_READY)
async def model_ready(request: Request) -> Response:
    """Say whether the model is ready."""
    return as_json(ready_document(service_of(request)))


@router.get(_VERSIONED, include_in_schema=False)
@router.get(_MODEL, **description.V2_MODEL)
async def model_metadata(request: Request) -> Response:
    """Describe the tensors."""
    return as_json(model_document(service_of(request)))


@reading.post(f"{_VERSIONED}/infer", include_in_schema=False)
@reading.post(f"{_MODEL}/infer", **description.V2_INFER)
async def infer(request: Request) -> Response:
    """Read clusters: `points` (N, 2 to 7), the marks in order; `offsets` (C + 1) into its rows."""
    service = service_of(request)
    header_length = request.headers.get(HEADER_LENGTH)
    if "content-type" in request.headers:  # the protocol's own clients send none
        check_type(request, (JSON, BINARY))
    content = await request.body()
    points = None
    if len(content) <= SMALL_BYTES:
        asked, points = read(content, header_length, service.settings)
    if points is not None and points.n_points <= SMALL_POINTS:
        body, n_json = written(asked, await service.engine.submit(points, as_json=False))
    else:
        header, body = await service.engine.run(
            jobs.infer, content, header_length, service.settings
        )
        n_json = header["n_json"]
    if n_json is None:
        return Response(body, media_type=JSON)
    return Response(body, media_type=BINARY, headers={HEADER_LENGTH: str(n_json)})


def read(content: bytes, header_length: str | None, settings: Settings) -> tuple[Inference, Points]:
    """Return a request and its clusters; `header_length` as `read_inference` takes it."""
    asked = read_inference(content, header_length)
    points = points_of(asked.tensors, settings)
    return asked, points


def written(asked: Inference, verdicts: Columns) -> tuple[bytes, int | None]:
    """Return the answer to a request as `write_inference` gives it."""
    return write_inference(outputs_of(asked, verdicts), asked, NAME, VERSION)


def server_document() -> dict[str, Any]:
    """Return the name of the server and what it can do beyond the protocol."""
    return {"name": NAME, "version": __version__, "extensions": ["binary_tensor_data"]}


def ready_document(service: Service) -> dict[str, Any]:
    """Return whether the model is ready."""
    return {"name": NAME, "ready": service.is_ready}


def model_document(service: Service) -> dict[str, Any]:
    """Return the description of the tensors."""
    points = {"name": "points", "datatype": "FP32", "shape": [-1, -1]}
    return {
        "name": NAME,
        "versions": [VERSION],
        "platform": "calcigram",
        "inputs": [
            points | {"parameters": {"columns": ",".join(MARK_NAMES)}},
            {"name": "offsets", "datatype": "INT64", "shape": [-1]},
        ],
        "outputs": [
            {"name": column, "datatype": datatype, "shape": [-1]}
            for column, datatype in service.datatypes.items()
        ],
    }


def outputs_of(inference: Inference, verdicts: Columns) -> dict[str, tuple[str, list[Any]]]:
    """Return the tensors that were asked for: by name their data type and values.

    Parameters
    ----------
    inference : Inference
    verdicts : mapping of str to Words or ndarray
        The columns of the verdict table.

    Raises
    ------
    Problem
        One is asked for that there is not.
    """
    names = list(verdicts)
    unknown = [name for name in inference.outputs or () if name not in names]
    if unknown:
        raise Problem.of_value("outputs", f"among {', '.join(names)}", unknown[0])
    wanted = names if inference.outputs is None else inference.outputs
    values = values_of({name: verdicts[name] for name in wanted})
    return {name: (datatype_of(verdicts[name]), _without_nan(values[name])) for name in wanted}


def points_of(tensors: dict[str, npt.NDArray[Any]], settings: Settings) -> Points:
    """Return the clusters that two tensors hold.

    Parameters
    ----------
    tensors : dict of str to ndarray
        ``points``, shape (N, K) with the first K of the marks, 2 to 7, and ``offsets``, shape
        (C + 1,), from 0 to N.
    settings : Settings
        For the limits.

    Raises
    ------
    Problem
        A tensor is missing or has another shape.

    Examples
    --------
    >>> points_of({"points": np.zeros((3, 2)), "offsets": np.array([0, 1, 3])}, Settings()).lengths
    [1, 2]
    """
    for name in ("points", "offsets"):
        if name not in tensors:
            raise Problem.of_value(f"inputs.{name}", "a tensor of this name")
    unknown = [name for name in tensors if name not in ("points", "offsets")]
    if unknown:
        raise Problem.of_value("inputs", "points and offsets", unknown[0])
    points, offsets = tensors["points"], tensors["offsets"]
    if points.ndim != 2 or not N_POSITIONS <= points.shape[1] <= len(MARK_NAMES):
        raise Problem.of_value(
            "inputs.points", f"shape (N, 2 to {len(MARK_NAMES)})", list(points.shape)
        )
    lengths = np.diff(offsets.astype(np.int64)) if offsets.ndim == 1 and offsets.size else None
    if lengths is None or offsets[0] != 0 or offsets[-1] != len(points) or (lengths < 0).any():
        raise Problem.of_value(
            "inputs.offsets", f"that start at 0, never fall and end at {len(points)}", offsets[:9].tolist() if offsets.ndim else None
        )  # fmt: skip
    if len(lengths) > settings.max_clusters:
        raise Problem.too_many("inputs.offsets", f"{len(lengths)} clusters", settings.max_clusters)
    check_lengths(lengths.tolist(), settings)
    known = np.full((len(MARK_NAMES), len(points)), np.nan)
    known[: points.shape[1]] = points.T
    return Points(
        [str(i) for i in range(len(lengths))],
        lengths.tolist(),
        known,
        np.full((len(CLUSTER_NAMES), len(lengths)), np.nan),
    )


def _without_nan(values: list[Any]) -> list[Any]:
    """Return values as JSON has them; a number that is not known is null."""
    return [None if isinstance(value, float) and value != value else value for value in values]
