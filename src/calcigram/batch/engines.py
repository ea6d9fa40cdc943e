"""Who does the parts: this process, or the workers of a Dask cluster.

An engine takes functions of one part and yields what came of each as it is done; it knows
nothing of clusters. Dask is asked for nothing but tasks, so any cluster serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from calcigram.errors import BadInputError, CalcigramError
from calcigram.formats.extras import how_to_install

if TYPE_CHECKING:
    from calcigram.batch.plan import Job, Part
    from calcigram.batch.work import Done

CONNECT_S = 10
"""How long a scheduler may take to answer."""

RETRIES = 3
"""How often a part is tried again that failed by no fault of its input."""

DoPart = Callable[["Job", "Part"], "Done"]


def here(do_part: Callable[..., Done], job: Job, parts: Iterable[Part]) -> Iterator[Done]:
    """Do the parts one after the other, with all threads of this process."""
    for part in parts:
        yield do_part(job, part, None)


def on_workers(do_part: DoPart, job: Job, parts: Iterable[Part], *, address: str) -> Iterator[Done]:
    """Do the parts on the workers of a Dask cluster, and yield them as they are done.

    What a lost worker had begun or held, others do again: files that are there are not written
    anew.

    Parameters
    ----------
    do_part : callable
        Of a job and a part.
    job : Job
        Sent with each part.
    parts : iterable of Part
        In any order.
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Yields
    ------
    Done

    Raises
    ------
    BadInputError
        No scheduler answers there.
    CalcigramError
        The same part was lost with several workers, or failed again and again.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    with connected(address) as client:
        sent = list(parts)
        futures = client.map(do_part, [job] * len(sent), sent, pure=False, retries=RETRIES)
        try:
            for future in as_completed(futures, loop=client.loop):
                yield future.result()
        except KilledWorker as error:
            raise CalcigramError(
                f"a part was lost with several workers, for lack of memory perhaps: {error}"
            ) from None
        finally:
            client.cancel(futures)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Give a Dask client.

    Raises
    ------
    BadInputError
        No scheduler answers.
    CalcigramError
        Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise CalcigramError(f"no Dask here: {how_to_install('scale')}") from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise BadInputError(
            f"the address of a Dask scheduler that answers, like tcp://host:8786 ({reason})",
            column="dask",
            value=address,
        ) from None
    with client:
        yield client


@contextmanager
def on_dask(address: str) -> Iterator[Any]:
    """Let joblib's parallel work, such as cross-validation, go to a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler.

    Yields
    ------
    distributed.Client

    Raises
    ------
    BadInputError
        No scheduler answers there.

    Examples
    --------
    >>> with on_dask("tcp://127.0.0.1:1"):  # doctest: +SKIP
    ...     cross_val_score(classifier, clusters, truth, cv=5, n_jobs=-1)
    """
    import joblib

    with connected(address) as client, client.as_current(), joblib.parallel_config("dask"):
        yield client
