"""Parquet to features, both heads and verdict Parquet on all processors, against reading it alone.

    python benchmarks/pipeline.py [--clusters 100000] [--rounds 3] [--staged 20000]

Reading is the floor that nothing can pass; the two compute nothing alike. Then the stages one after another, on one
thread, in processor time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from features_vs_scipy import make_clusters
from threadpoolctl import threadpool_limits
from timing import CPU, WALL, seconds, time_pairs, write_result

from calcigram.classify import Reading
from calcigram.features.extract import extract_features
from calcigram.formats import write_clusters
from calcigram.formats.output import arrow_table, table_writer
from calcigram.formats.registry import BATCH_CLUSTERS, iter_intakes
from calcigram.model.head import is_readable, shown_probabilities
from calcigram.model.reader import load_model
from calcigram.oddities import find_oddities
from calcigram.options import ReadOptions
from calcigram.risk import load_risk
from calcigram.rules.engine import RuleReader
from calcigram.streaming import classify_files

TARGET_PER_SECOND = 60_000
TARGET_READINGS = 4.0
"""The whole may take so many times the processor time of reading alone."""

COVERAGE = 0.9


def stages(source: Path, output: Path) -> dict[str, float]:
    """Return the processor seconds of each stage, in order.

    Sets, novelty and risk are parts of the model's reading; they are computed once more by themselves, and the
    heads, with the concern, get the rest of it.
    """
    spent: Counter[str] = Counter()

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        start = CPU()
        yield
        spent[name] += CPU() - start

    model, rules = load_model(), RuleReader()
    intakes = iter_intakes(source, BATCH_CLUSTERS, ReadOptions())
    with threadpool_limits(1), table_writer(output) as write:
        while True:
            with stage("reading"):
                intake: Any = next(intakes, None)
            if intake is None:
                break
            clusters = intake.clusters
            with stage("features"):
                features = extract_features(clusters, n_threads=1)
            with stage("heads and concern"):
                by_model = model.read(features, n_threads=1)
            shown = shown_probabilities(*model.axis_probabilities(features), features)
            form_known = is_readable(features, "morphology")
            with stage("sets"):
                for head, p in zip(model.heads, shown, strict=True):
                    head.sets(p, form_known, COVERAGE)
            with stage("novelty"):
                if model.novelty is not None:
                    model.novelty.is_alarm(model.novelty(features))
            with stage("risk"):
                load_risk().carry(*shown)
            with stage("rules"):
                by_rules = rules.read(features)
            with stage("artefact checks"):
                artefacts = find_oddities(clusters, features, n_threads=1)
            with stage("cross-check"):
                columns = Reading(
                    clusters, features, by_model, by_rules, artefacts, model.version
                ).columns()
            with stage("writing"):
                write(arrow_table(columns))
    spent["heads and concern"] -= sum(spent[name] for name in ("sets", "novelty", "risk"))
    return dict(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--staged", type=int, default=20_000)
    args = parser.parse_args()
    clusters = make_clusters(args.clusters)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "clusters.parquet"), Path(folder, "verdicts.parquet")
        write_clusters(clusters, source)
        classify_files([source], output)
        assert pq.read_metadata(output).num_rows == args.clusters
        claim = time_pairs(
            "Parquet to verdict Parquet against reading the Parquet alone",
            lambda: classify_files([source], output),
            lambda: pq.read_table(source),
            n_pairs=args.rounds, n_items=(args.clusters, args.clusters), clock=WALL,
            differs="reading computes nothing: it is the floor",
        )  # fmt: skip
        write_clusters(clusters[: args.staged], source)
        stages(source, output)  # compiled and warm
        rounds = [
            (stages(source, output), seconds(lambda: pq.read_table(source)))
            for _ in range(args.rounds)
        ]
    found, alone = min(rounds, key=lambda pair: sum(pair[0].values()) / pair[1])
    per_cluster = {name: 1e6 * spent / args.staged for name, spent in found.items()}
    alone_us = 1e6 * alone / args.staged
    for name, us in per_cluster.items():
        print(f"  {name}: {us:.2f} us, {us / alone_us:.2f} times reading alone ({alone_us:.2f} us)")
    ratio = sum(per_cluster.values()) / alone_us
    print(f"all stages: {ratio:.1f} times reading alone; asked {TARGET_READINGS:g}")
    rate = 1e6 / claim["ours_us"]
    print(f"{rate:,.0f} clusters a second; asked {TARGET_PER_SECOND:,}")
    write_result(
        "pipeline", [claim], clusters_per_second=rate, target_per_second=TARGET_PER_SECOND,
        stages_us=per_cluster, read_alone_us=alone_us, readings=ratio, target_readings=TARGET_READINGS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
