"""Where the time of the features goes: each step of the kernel, microseconds per cluster.

    python benchmarks/feature_stages.py [--clusters 6000] [--rounds 9]

The kernel `measure_clusters` is compiled once more with the processor's cycle counter read before and after every
statement; the shares of the fastest round are scaled to the time of the kernel as it is.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import time
from typing import Any

import numpy as np
from features_vs_scipy import make_clusters
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from timing import write_result

from calcigram.clusters import ClusterSet
from calcigram.features import measure
from calcigram.features.extract import FEATURE_NAMES, extract_features, kernel_columns


@intrinsic
def tick(typing_context):
    """Return the processor's cycle counter."""

    def emit(context, builder, sig, args):
        name = "llvm.readcyclecounter"
        found = builder.module.globals.get(name)
        counter = found or ir.Function(builder.module, ir.FunctionType(ir.IntType(64), []), name)
        return builder.call(counter, [])

    return types.int64(), emit


class _Counted(ast.NodeTransformer):
    """Wrap every statement of the loop over clusters that calls a kernel."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_For(self, node: ast.For) -> ast.For:
        body: list[ast.stmt] = []
        for statement in node.body:
            calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
            if isinstance(statement, ast.If) or not calls:
                body.append(statement)
                continue
            k = len(self.names)
            self.names.append(ast.unparse(calls[0].func).lstrip("_"))
            before, after = ast.parse(f"_start = tick()\nticks[{k}] += tick() - _start").body
            body += [before, statement, after]
        node.body = body
        return node


def counted_kernel() -> tuple[Any, list[str]]:
    """Return the kernel with counters, and the names of what is counted."""
    module = ast.parse(inspect.getsource(measure.measure_clusters.py_func))
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = []
    function.args.args.append(ast.arg("ticks"))
    wrap = _Counted()
    wrap.visit(function)
    space = dict(vars(measure)) | {"tick": tick}
    exec(compile(ast.fix_missing_locations(module), "<counted>", "exec"), space)
    return njit(**measure.measure_clusters.targetoptions)(space["measure_clusters"]), wrap.names


def stages(clusters: ClusterSet, n_rounds: int) -> tuple[float, dict[str, float]]:
    """Return the time of the kernel, and of each step, in microseconds per cluster."""
    counted, names = counted_kernel()
    offsets, columns = kernel_columns(clusters)
    values = np.full((len(clusters), len(FEATURE_NAMES)), np.nan, np.float32)
    rounds = []
    for _ in range(n_rounds + 1):  # the first compiles
        ticks = np.zeros(len(names), np.int64)
        counted(0, len(clusters), offsets, columns, values, ticks)
        start = time.process_time()
        extract_features(clusters, n_threads=1)
        rounds.append((time.process_time() - start, ticks))
    total = 1e6 * min(seconds for seconds, _ in rounds[1:]) / len(clusters)
    ticks = min((ticks for _, ticks in rounds[1:]), key=np.sum)
    return total, {
        name: total * share for name, share in zip(names, ticks / ticks.sum(), strict=True)
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clusters", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    total, found = stages(make_clusters(args.clusters), args.rounds)
    for name, us in sorted(found.items(), key=lambda pair: -pair[1]):
        print(f"  {name}: {us:.2f} us")
    print(f"features of one cluster: {total:.1f} us")
    write_result("feature_stages", [], total_us=total, stages_us=found)


if __name__ == "__main__":
    main()
