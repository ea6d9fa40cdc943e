"""Partitioned Parquet to partitioned Parquet, on one machine or on a Dask cluster.

Simulating, measuring and classifying many clusters is the same work over and over, so it is cut
into parts, each a pure function of its input that writes one file. Files may lie on anything
fsspec reaches. What is done to the clusters of a part, the lower layers decide.
"""

from calcigram.batch.engines import on_dask
from calcigram.batch.run import BatchSummary, run_batch

__all__ = ["BatchSummary", "on_dask", "run_batch"]
