"""A classification that is killed, and resumed: the same bytes, and nothing done twice."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from calcigram import simulate
from calcigram.clusters import ClusterSet
from calcigram.errors import BadInputError
from calcigram.formats import write_clusters
from calcigram.formats.checkpoint import Inputs
from calcigram.options import ReadOptions
from calcigram.streaming import classify_files

N_PARTS, PART = 12, 50
N_KILLS = 10
VARIED = ("x_mm", "y_mm", "diameter_mm", "cnr")
LIMIT_S = 120


@pytest.fixture(scope="module")
def clusters():
    some = simulate(PART, seed=5)
    parts = [
        replace(some, cluster_id=np.array([f"{k}-{i}" for i in some.cluster_id], object))
        for k in range(N_PARTS)
    ]
    return ClusterSet.concat(parts)


@pytest.fixture
def source(tmp_path, clusters):
    write_clusters(clusters.batches(PART), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


class Stop(BaseException):
    """Ends a run as an interrupt does."""


def broken_off(source, output, after=PART * 5, **options):
    def stop(n_done):
        if n_done >= after:
            raise Stop

    with pytest.raises(Stop):
        classify_files(source, output, batch_size=PART, progress=stop, **options)


def work_folder(output):
    return output.with_name(f".{output.name}.work")


def resumed(source, output, **options):
    return classify_files(source, output, batch_size=PART, resume=True, **options)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_the_missing_parts_are_done_and_the_bytes_are_the_same(tmp_path, source, suffix):
    whole, output = tmp_path / f"whole{suffix}", tmp_path / f"v{suffix}"
    expected = classify_files(source, whole, batch_size=PART)
    broken_off(source, output)
    assert not output.exists()
    summary = resumed(source, output)
    assert output.read_bytes() == whole.read_bytes()
    assert 4 * PART <= summary.n_resumed <= 5 * PART
    assert replace(summary, n_resumed=0) == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["a.parquet", whole.name, output.name]
    )


def test_what_was_set_aside_before_the_break_is_told_after_it(tmp_path, clusters):
    cnr = clusters.cnr.copy()
    cnr[clusters.offsets[[3, 7, PART * 9]]] = -1
    write_clusters(replace(clusters, cnr=cnr), tmp_path / "a.csv")
    options = {"options": ReadOptions(skip_bad=True)}
    expected = classify_files(tmp_path / "a.csv", tmp_path / "w.csv", batch_size=PART, **options)
    broken_off(tmp_path / "a.csv", tmp_path / "v.csv", **options)
    summary = resumed(tmp_path / "a.csv", tmp_path / "v.csv", **options)
    assert (summary.n_rejected, summary.n_clusters) == (3, expected.n_clusters)
    for one, other in (("w.csv", "v.csv"), ("w.rejects.csv", "v.rejects.csv")):
        assert (tmp_path / one).read_bytes() == (tmp_path / other).read_bytes()


def test_several_files_are_taken_up_where_they_broke(tmp_path, clusters):
    files = [tmp_path / "a.parquet", tmp_path / "b.csv", tmp_path / "c.parquet"]
    for k, path in enumerate(files):
        write_clusters(clusters[k * 4 * PART : (k + 1) * 4 * PART - 7], path)
    classify_files(files, tmp_path / "w.csv", batch_size=PART)
    for after in (3, 5, 9):
        broken_off(files, tmp_path / "v.csv", after=after * PART)
        assert resumed(files, tmp_path / "v.csv").n_resumed > 0
        assert (tmp_path / "v.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def test_other_input_is_refused_and_what_was_kept_stays(tmp_path, source, clusters):
    output = tmp_path / "v.csv"
    broken_off(source, output)
    write_clusters(clusters[::-1], source)
    kept = sorted(work_folder(output).iterdir())
    with pytest.raises(
        BadInputError, match=r"column 'files'.*without --resume everything is computed again"
    ):
        resumed(source, output)
    assert sorted(work_folder(output).iterdir()) == kept
    assert not output.exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"skip_bad": True}, "skip_bad"),
        ({"units": "cm"}, "units"),
        ({"columns": {"x": "x_mm"}}, "columns"),
    ],
)
def test_other_options_are_refused(tmp_path, source, options, named):
    broken_off(source, tmp_path / "v.csv")
    with pytest.raises(BadInputError, match=f"column '{named}'"):
        resumed(source, tmp_path / "v.csv", options=ReadOptions(**options))


def test_another_model_or_other_code_is_refused(tmp_path, source):
    output = tmp_path / "v.csv"
    broken_off(source, output)
    manifest = work_folder(output) / "_calcigram.json"
    for key in ("model", "code"):
        kept = manifest.read_text()
        manifest.write_text(json.dumps(json.loads(kept) | {key: "another"}))
        with pytest.raises(BadInputError, match=f"column '{key}': got 'another'"):
            resumed(source, output)
        manifest.write_text(kept)
    assert resumed(source, output).n_resumed


def test_a_part_cut_off_is_done_again(tmp_path, source):
    classify_files(source, tmp_path / "w.csv", batch_size=PART)
    broken_off(source, tmp_path / "v.csv")
    part = work_folder(tmp_path / "v.csv") / "part-000002.arrow"
    part.write_bytes(part.read_bytes()[:-100])
    assert resumed(source, tmp_path / "v.csv").n_resumed == 2 * PART
    assert (tmp_path / "v.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def test_parts_whose_manifest_is_gone_are_done_again(tmp_path, source):
    classify_files(source, tmp_path / "w.csv", batch_size=PART)
    broken_off(source, tmp_path / "v.csv")
    (work_folder(tmp_path / "v.csv") / "_calcigram.json").unlink()
    assert resumed(source, tmp_path / "v.csv").n_resumed == 0
    assert (tmp_path / "v.csv").read_bytes() == (tmp_path / "w.csv").read_bytes()


def test_without_resume_all_is_done_anew(tmp_path, source):
    broken_off(source, tmp_path / "v.csv")
    assert classify_files(source, tmp_path / "v.csv", batch_size=PART).n_resumed == 0
    assert not work_folder(tmp_path / "v.csv").exists()


def test_an_empty_folder_that_a_kill_left_goes_too(tmp_path, source):
    work_folder(tmp_path / "v.csv").mkdir()
    classify_files(source, tmp_path / "v.csv", batch_size=PART * N_PARTS)  # in one part
    assert not work_folder(tmp_path / "v.csv").exists()


def test_nothing_to_resume_is_no_fault(tmp_path, source):
    assert resumed(source, tmp_path / "v.csv").n_resumed == 0


def test_two_runs_of_one_output_are_refused(tmp_path, source):
    output = tmp_path / "v.csv"

    def start_another(n_done):
        if n_done == 5 * PART:
            with pytest.raises(BadInputError, match="no other process is writing"):
                resumed(source, output)

    classify_files(source, output, batch_size=PART, progress=start_another)
    assert output.exists()


# One process that has imported all and started no thread, so that each round forks in no time.
KILLER = """
import os, signal, sys, time
import numpy as np
from calcigram.streaming import classify_files
import calcigram.features.extract, calcigram.model.reader, calcigram.rules.engine, pandas

source, output, n_kills, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(seed)

def run(told):
    def progress(n_done):
        os.write(told, b".")
        time.sleep(0.02)
    classify_files(source, output, batch_size=50, resume=True, n_threads=1, progress=progress)

kills = 0
while kills < n_kills:
    reading, told = os.pipe()
    child = os.fork()
    if not child:
        run(told)
        os._exit(0)
    os.close(told)
    # a moment of the start, or within or between some of the parts, or of the end
    n_told = int(rng.integers(0, 5))
    for _ in range(n_told):
        os.read(reading, 1)
    time.sleep(rng.uniform(0, 0.06 if n_told else 0.6))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    kills += os.WIFSIGNALED(status)
    if not os.WIFSIGNALED(status):  # it was faster; start anew, to be killed again
        assert status == 0
        os.rename(output, output + ".whole")
print(kills)
"""


def test_killed_ten_times_at_random_moments(tmp_path, source):
    output, whole = tmp_path / "v.parquet", tmp_path / "w.parquet"
    expected = classify_files(source, whole, batch_size=PART)
    seed = str(np.random.SeedSequence().entropy % 2**32)
    done = subprocess.run(
        [sys.executable, "-c", KILLER, source, output, str(N_KILLS), seed],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.stdout == f"{N_KILLS}\n", f"seed {seed}: {done.stderr}"
    summary = resumed(source, output)
    assert replace(summary, n_resumed=0) == expected
    assert output.read_bytes() == whole.read_bytes()
    for finished in tmp_path.glob("*.whole"):
        assert finished.read_bytes() == whole.read_bytes()
        finished.unlink()
    names = ["a.parquet", "v.parquet", "w.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


PEAK = """
import resource, sys
from calcigram.streaming import classify_files
classify_files(sys.argv[1], sys.argv[2], batch_size=1000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path, clusters):
    peaks, rng = {}, np.random.default_rng(0)
    for n_parts in (4, 60):
        path = tmp_path / f"{n_parts}.parquet"
        thousand = ClusterSet.concat([clusters, clusters[:400]])
        varied = (  # the same values again and again would pack beyond what any file may unpack to
            replace(
                thousand,
                **{
                    name: getattr(thousand, name) * rng.uniform(0.9, 1, len(thousand.x_mm))
                    for name in VARIED
                },
            )
            for _ in range(n_parts)
        )
        write_clusters(varied, path)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, path, tmp_path / "v.parquet"],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks[n_parts] = int(done.stdout)
    # 56,000 clusters more, with some 60 marks each and their verdicts, would be 200 MB and more
    assert peaks[60] - peaks[4] < 60, f"MB: {peaks}"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("resume", [False, True])
def test_input_replaced_while_it_is_read_is_refused(tmp_path, clusters, suffix, resume):
    """From the first moment: before the reader has opened it, or after."""
    from calcigram import streaming

    source, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_clusters(clusters, source)
    write_clusters(clusters[::-1], other)
    is_table = streaming.is_table

    def replaced_meanwhile(path):
        other.replace(source)
        return is_table(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "is_table", replaced_meanwhile)
        with pytest.raises(BadInputError, match="does not change while it is read"):
            classify_files(source, tmp_path / "v.csv", batch_size=PART, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_prior_that_has_changed_is_refused(tmp_path, source):
    from calcigram.lexicon import DISTRIBUTIONS

    prior = tmp_path / "prior.csv"
    rows = [f"distribution,{word},{10 + k}" for k, word in enumerate(DISTRIBUTIONS)]
    prior.write_text("\n".join(["axis,word,cases", *rows]))
    broken_off(source, tmp_path / "v.csv", prior=prior)
    prior.write_text(prior.read_text() + "0")
    with pytest.raises(BadInputError, match=r"column 'files'.*prior\.csv"):
        resumed(source, tmp_path / "v.csv", prior=prior)


def test_an_image_that_has_changed_is_noticed(tmp_path, source):
    image = tmp_path / "images" / "i.dcm"
    image.parent.mkdir()
    for images in ([image], [image.parent]):
        image.write_bytes(bytes(128) + b"DICM" + bytes(100))
        inputs = Inputs([source], images)
        image.write_bytes(bytes(128) + b"DICM" + bytes(99) + b"\1")
        assert Inputs([source], images).described != inputs.described
        with pytest.raises(BadInputError, match="does not change while it is read"):
            inputs.check_unchanged()
