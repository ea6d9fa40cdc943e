"""Each command once, on files, as a user would."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from calcigram import feature_catalogue, read_clusters, simulate, train_model, write_clusters
from calcigram.cli import main
from calcigram.crosscheck import VERDICT_COLUMNS
from calcigram.formats.mammograms import read_mammogram


@pytest.fixture(scope="module")
def clusters():
    return simulate(60, seed=11)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "small"
    train_model(simulate(300, seed=12), seed=0, n_iterations=5, n_jobs=1).save(folder)
    return str(folder)


@pytest.fixture
def table(clusters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clusters(clusters[:8], tmp_path / "clusters.csv")
    return "clusters.csv"


@pytest.fixture
def broken(table, tmp_path):
    frame = pd.read_csv(table, dtype={"cluster_id": str})
    frame.loc[1, "x_mm"] = float("inf")
    frame.to_csv(tmp_path / "broken.csv", index=False)
    return "broken.csv"


def test_simulate_writes_the_same_for_the_same_seed(tmp_path, capsys):
    for name in ("a.csv", "b.csv"):
        assert main(["simulate", "5", "-o", str(tmp_path / name), "--seed", "3"]) == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert main(["simulate", "5", "-o", str(tmp_path / "c.csv"), "--seed", "4"]) == 0
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "c.csv").read_bytes()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "5 clusters, " in captured.err


@pytest.mark.parametrize(("options", "suffix"), [([], "dcm"), (["--image-format", "png"], "png")])
def test_simulate_writes_pictures_and_their_truth(options, suffix, tmp_path, capsys):
    images = tmp_path / "images"
    command = ["simulate", "3", "--images", str(images), "--seed", "2", "--margin-mm", "2"]
    assert main([*command, *options, "--jobs", "1"]) == 0
    names = [f"sim-2-{i}.{suffix}" for i in range(3)]
    assert sorted(path.name for path in images.iterdir()) == [*names, "truth.csv"]
    truth = read_clusters(images / "truth.csv")
    assert list(truth.meta["file"]) == names
    known_as = [read_mammogram(images / name).image_id for name in names if suffix == "dcm"]
    assert list(truth.meta["image_id"]) == (known_as or [f"sim-2-{i}" for i in range(3)])
    assert "3 pictures" in capsys.readouterr().err


def test_pictures_are_there_with_their_truth_or_not_at_all(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    images = tmp_path / "images"
    arguments = [
        "simulate",
        "1",
        "--images",
        str(images),
        "--image-format",
        "png",
        "--margin-mm",
        "2",
    ]
    with monkeypatch.context() as patch:
        patch.setattr("calcigram.formats.temporary.fill_folder", stop)
        assert main([*arguments, "--jobs", "1"]) == 130
    assert list(tmp_path.iterdir()) == []
    assert main([*arguments, "--jobs", "1"]) == 0
    (images / "mine.txt").write_text("mine")
    assert main([*arguments, "--jobs", "1", "--seed", "3"]) == 0  # into a folder that has others
    names = ["mine.txt", "sim-0-0.png", "sim-3-0.png", "truth.csv"]
    assert sorted(path.name for path in images.iterdir()) == names
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_simulate_writes_the_truth_of_pictures_where_told(tmp_path):
    out = tmp_path / "marks.parquet"
    images = str(tmp_path / "images")
    command = [
        "simulate",
        "1",
        "-o",
        str(out),
        "--images",
        images,
        "--image-format",
        "png",
        "--raw",
    ]
    assert main([*command, "--jobs", "1"]) == 0
    assert [path.suffix for path in (tmp_path / "images").iterdir()] == [".png"]
    assert len(read_clusters(out)) == 1


@pytest.mark.parametrize("option", [["--raw"], ["--margin-mm", "4"], ["--image-format", "png"]])
def test_options_of_pictures_want_pictures(option, tmp_path, capsys):
    assert main(["simulate", "3", "-o", str(tmp_path / "a.csv"), *option]) == 2
    assert f"--images DIR together with {option[0]}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_simulate_refuses_an_unknown_preset(tmp_path, capsys):
    assert main(["simulate", "5", "-o", str(tmp_path / "a.csv"), "--preset", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_classify_writes_the_verdict_table(suffix, table, model, tmp_path, clusters, capsys):
    output = tmp_path / f"verdicts{suffix}"
    assert main(["classify", table, "-o", str(output), "--model", model]) == 0
    verdicts = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".json": pd.read_json}[suffix](
        output
    )
    assert tuple(verdicts.columns) == VERDICT_COLUMNS
    assert verdicts["cluster_id"].astype(str).tolist() == [str(i) for i in clusters[:8].cluster_id]
    assert "8 clusters, " in capsys.readouterr().err


def test_classify_takes_several_files(table, model, tmp_path, clusters):
    write_clusters(clusters[8:11], tmp_path / "more.parquet")
    assert main(["classify", table, "more.parquet", "-o", "v.csv", "--model", model]) == 0
    assert len(pd.read_csv("v.csv")) == 11


def test_classify_prints_a_table_and_a_summary(table, model, capsys):
    assert main(["classify", table, "--model", model]) == 0
    out = capsys.readouterr().out
    assert "rules" in out
    assert "8 clusters. Model: " in out
    assert "To look at: " in out


def test_classify_prints_json(table, model, capsys):
    assert main(["classify", table, "--model", model, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 8
    assert tuple(rows[0]) == VERDICT_COLUMNS


def test_classify_refuses_a_bad_value_and_writes_nothing(broken, model, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    assert main(["classify", broken, "-o", "v.csv", "--model", model]) == 2
    err = capsys.readouterr().err
    assert "row 3" in err
    assert "'x_mm'" in err
    assert sorted(tmp_path.iterdir()) == before


def test_classify_sets_bad_clusters_aside(broken, model, capsys):
    arguments = ["classify", broken, "-o", "v.csv", "--model", model, "--skip-bad"]
    assert main([*arguments, "--rejects", "bad.csv"]) == 0
    assert len(pd.read_csv("v.csv")) == 7
    rejects = pd.read_csv("bad.csv")
    assert rejects["row"].tolist() == [3]
    assert "1 bad cluster" in capsys.readouterr().err


def test_classify_reads_pixels_and_other_names(table, model, tmp_path, clusters):
    frame = pd.read_csv(table, dtype={"cluster_id": str})
    theirs = pd.DataFrame(
        {"lesion": frame.cluster_id, "posX": frame.x_mm / 0.0625, "posY": frame.y_mm / 0.0625}
    )
    theirs.to_csv(tmp_path / "theirs.csv", index=False)
    write_clusters(clusters[:8].positions_only(), tmp_path / "ours.csv")
    options = [
        "--columns",
        "cluster_id=lesion,x=posX,y=posY",
        "--units",
        "px",
        "--pixel-spacing",
        "0.0625",
    ]
    assert main(["classify", "theirs.csv", "-o", "a.csv", "--model", model, *options]) == 0
    assert main(["classify", "ours.csv", "-o", "b.csv", "--model", model]) == 0
    a, b = pd.read_csv("a.csv"), pd.read_csv("b.csv")
    assert a.distribution.tolist() == b.distribution.tolist()
    assert a.distribution_probability.to_numpy() == pytest.approx(
        b.distribution_probability, abs=1e-6, nan_ok=True
    )


def test_rejects_without_skip_bad_is_refused(table, capsys):
    assert main(["classify", table, "--rejects", "bad.csv"]) == 2
    assert "--skip-bad" in capsys.readouterr().err


def test_classify_refuses_a_folder_that_is_no_model(table, tmp_path, capsys):
    assert main(["classify", table, "-o", "v.csv", "--model", str(tmp_path)]) == 2
    assert "no model here" in capsys.readouterr().err
    assert not (tmp_path / "v.csv").exists()


def test_inspect_says_what_is_there(table, clusters, capsys):
    assert main(["inspect", table, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["clusters"] == 8
    assert told["calcifications"] == int(clusters[:8].n_calcifications.sum())
    assert told["marks"]["x_mm"]["known"] == told["calcifications"]
    assert told["problems"] == []
    first = clusters[0]
    assert told["extent_mm"]["greatest"] >= float(first.x_mm.max() - first.x_mm.min()) - 1e-3
    assert main(["inspect", table]) == 0
    assert "8 clusters" in capsys.readouterr().out


def test_inspect_lists_problems_and_exits_2(broken, capsys):
    assert main(["inspect", broken]) == 2
    out = capsys.readouterr().out
    assert "7 clusters" in out
    assert "row 3, column 'x_mm': got" in out


def test_features_writes_one_row_a_cluster(table):
    assert main(["features", table, "-o", "f.csv"]) == 0
    frame = pd.read_csv("f.csv")
    assert len(frame) == 8
    assert frame["n_calcifications"].tolist() == read_clusters(table).n_calcifications.tolist()


def test_the_catalogue_is_printed(capsys):
    assert main(["features", "--catalogue", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) >= 60
    assert {"name", "family", "unit", "formula", "source"} <= set(rows[0])


def test_rules_are_printed(capsys):
    assert main(["rules"]) == 0
    out = capsys.readouterr().out
    for part in (
        "Recognition",
        "Consequences, Michael O'Leary",
        "Consequences, BI-RADS",
    ):
        assert part in out
    assert main(["rules", "--json", "--rulebook", "article"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["rulebooks"]) == ["article"]


def test_rules_are_checked_against_the_counts_that_ship(tmp_path, capsys):
    assert main(["rules", "check"]) == 0
    assert "1,045 lesions" in capsys.readouterr().out
    assert main(["rules", "check", "-o", str(tmp_path / "check.json")]) == 0
    assert json.loads((tmp_path / "check.json").read_text())["n_lesions"] == 1045


def test_report_writes_one_file(table, model, tmp_path):
    before = set(tmp_path.iterdir())
    assert main(["report", table, "-o", "r.html", "--model", model, "--max-pictures", "2"]) == 0
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {"r.html"}
    assert (tmp_path / "r.html").read_text().count("<img ") == 2


@pytest.mark.slow
def test_train_writes_a_model_that_classifies(table, tmp_path, capsys):
    assert main(["train", "--simulated", "300", "-o", "m", "--seed", "5", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["classify", table, "-o", "v.csv", "--model", "m"]) == 0
    assert set(pd.read_csv("v.csv")["model_version"]) == {told["version"]}


@pytest.mark.slow
def test_train_takes_measured_clusters_too(tmp_path, capsys):
    options = ["--simulated", "300", "--measured", "6", "--measured-cache", str(tmp_path / "cache")]
    train = ["train", *options, "-o", str(tmp_path / "m"), "--seed", "5", "--iterations", "2"]
    for _ in range(2):  # the second time from the cache
        assert main([*train, "--json"]) == 0
        captured = capsys.readouterr()
        card = json.loads(captured.out)["card"]
        assert card["measured"] == 6
        measured = card["training"]["grades"]["measured"]
        assert f"measured: {measured} of 6 clusters" in captured.err
        assert card["training"]["clusters"] == 300 + measured
    assert list((tmp_path / "cache").glob("*/*.parquet"))


def test_train_needs_labels(table, tmp_path, capsys):
    bare = pd.read_csv(table, dtype={"cluster_id": str})[["cluster_id", "x_mm", "y_mm"]]
    bare.to_csv(tmp_path / "bare.csv", index=False)
    assert main(["train", "bare.csv", "-o", "m"]) == 2
    assert "true_distribution" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
def test_demo_leaves_report_verdicts_and_model(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("calcigram.cli.demo.N_CLUSTERS", 300)
    monkeypatch.setattr("calcigram.cli.demo.N_ITERATIONS", 5)
    assert main(["demo", "-o", str(tmp_path / "demo")]) == 0
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "model",
        "report.html",
        "verdicts.csv",
    }
    out = capsys.readouterr().out
    assert "24 clusters. Model: " in out
    assert "not a medical device" in out


@pytest.mark.slow
def test_demo_at_the_top_level_of_a_script_runs_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from calcigram.cli import demo, main\n"
        "demo.N_CLUSTERS, demo.N_ITERATIONS = 300, 5\n"
        "raise SystemExit(main(['demo', '--jobs', '2']))\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Training a small model") == 1


@pytest.fixture
def labelled(clusters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clusters(clusters, tmp_path / "labelled.parquet")
    return "labelled.parquet"


def test_evaluate_prints_scores(labelled, model, capsys):
    assert main(["evaluate", labelled, "--model", model, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["evaluations"]) == {"model", "rules"}
    scores = told["evaluations"]["rules"]["axes"]["distribution"]
    counts = scores["confusion"]["counts"]
    right = sum(row[k] for k, row in enumerate(counts))
    assert scores["accuracy"] == pytest.approx(right / scores["n"])
    assert main(["evaluate", labelled, "--model", model]) == 0
    assert "Macro-F1 of each reader, by part" in capsys.readouterr().out


def test_evaluate_on_positions_alone_scores_no_form(labelled, model, capsys):
    assert main(["evaluate", labelled, "--model", model, "--json", "--positions-only"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "morphology" not in told["evaluations"]["model"]["axes"]


@pytest.mark.parametrize(
    ("suffix", "beginning"), [(".html", "<!doctype html>"), (".md", "The model"), (".json", "{")]
)
def test_evaluate_writes_a_file(suffix, beginning, labelled, model, tmp_path):
    assert main(["evaluate", labelled, "--model", model, "-o", f"e{suffix}"]) == 0
    assert (tmp_path / f"e{suffix}").read_text().startswith(beginning)


def test_evaluate_on_the_benchmark_takes_each_grade_alike(model, capsys):
    assert (
        main(["evaluate", "--benchmark", "bench_v1", "--n", "8", "--model", model, "--json"]) == 0
    )
    parts = json.loads(capsys.readouterr().out)["evaluations"]["model"]["parts"]["grade"]
    assert list(parts) == ["easy", "typical", "hard"]
    assert sum(part["concern"]["n"] for part in parts.values()) <= 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either files of labelled clusters or --benchmark NAME"),
        (["--benchmark", "train"], "a benchmark preset, which has a seed"),
        (["--benchmark", "bench_v0"], "bench_v0"),
        (["--benchmark", "bench_v1", "--full"], "or --full"),
    ],
)
def test_evaluate_refuses(arguments, message, model, capsys):
    assert main(["evaluate", *arguments, "--model", model]) == 2
    assert message in capsys.readouterr().err


def test_evaluate_needs_labels(table, model, tmp_path, capsys):
    bare = pd.read_csv(table, dtype={"cluster_id": str})[["cluster_id", "x_mm", "y_mm"]]
    bare.to_csv(tmp_path / "bare.csv", index=False)
    assert main(["evaluate", "bare.csv", "--model", model]) == 2
    assert "true_distribution or true_morphology" in capsys.readouterr().err


@pytest.fixture
def piped(table, monkeypatch):
    """The table on standard input, as a pipe gives it: once."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(table).read_bytes())))


@pytest.mark.usefixtures("piped")
def test_a_table_comes_in_and_verdicts_go_out_by_the_standard_streams(model, capfdbinary):
    assert main(["classify", "-", "--model", model, "-o", "-"]) == 0
    verdicts = pd.read_csv(io.BytesIO(capfdbinary.readouterr().out))
    assert tuple(verdicts) == VERDICT_COLUMNS
    assert len(verdicts) == 8


@pytest.mark.usefixtures("piped")
def test_features_take_the_standard_streams(capfdbinary):
    assert main(["features", "-", "-o", "-"]) == 0
    assert len(pd.read_csv(io.BytesIO(capfdbinary.readouterr().out))) == 8


@pytest.mark.usefixtures("piped")
def test_inspect_takes_standard_input(capsys):
    assert main(["inspect", "-"]) == 0
    assert capsys.readouterr().out.startswith("standard input: 8 clusters")


def test_parquet_comes_by_standard_input(table, monkeypatch, capsys):
    write_clusters(read_clusters(table), "a.parquet")
    data = io.BytesIO(Path("a.parquet").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
    assert main(["inspect", "-"]) == 0
    assert capsys.readouterr().out.startswith("standard input: 8 clusters")


def test_two_things_do_not_go_to_standard_output(table, capsys):
    assert main(["classify", table, "-o", "-", "--json"]) == 2
    assert "both write to standard output" in capsys.readouterr().err


def test_of_several_files_each_verdict_names_its_own(table, model, capsys):
    frame = pd.read_csv(table).head(30)
    frame.to_csv("other.csv", index=False, sep=";")
    assert main(["classify", table, "other.csv", "--model", model, "-o", "v.csv"]) == 0
    verdicts = pd.read_csv("v.csv")
    assert tuple(verdicts) == (*VERDICT_COLUMNS, "source")
    assert verdicts["source"].unique().tolist() == [table, "other.csv"]
    assert not verdicts.duplicated(["cluster_id", "source"]).any()
    capsys.readouterr()
    assert main(["classify", table, "other.csv", "--model", model, "--json"]) == 0
    captured = capsys.readouterr()
    assert {row["source"] for row in json.loads(captured.out)} == {table, "other.csv"}
    assert "some ids occur in several files: the column source" in captured.err
    assert main(["classify", table, "other.csv", "--model", model]) == 0
    assert re.search(r"\bother\.csv:", capsys.readouterr().out)


@pytest.mark.parametrize("command", ["features", "inspect", "classify", "report"])
def test_every_command_says_what_was_guessed(table, model, capsys, command):
    text = Path(table).read_text()
    Path("commas.csv").write_text(text.replace(",", ";").replace(".", ","))
    output = [] if command == "inspect" else ["-o", "r.html" if command == "report" else "o.csv"]
    chosen = ["--model", model] if command in ("classify", "report") else []
    assert main([command, "commas.csv", *output, *chosen]) == 0
    captured = capsys.readouterr()
    assert "decimal commas read as points" in captured.err + captured.out


def test_too_little_memory_is_said(table, monkeypatch, capsys):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("calcigram.read_clusters", fail)
    assert main(["features", table, "-o", "f.csv"]) == 2
    assert capsys.readouterr().err.startswith("calcigram: error: not enough memory")


LATIN = os.fsdecode(b"M\xfcller.csv")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_any_name_and_any_terminal_will_do(table, model, tmp_path, encoding):
    """In a process of its own: what a terminal takes is settled when one begins."""
    frame = pd.read_csv(table, dtype={"cluster_id": str})
    frame["cluster_id"] = "Müller " + frame["cluster_id"]
    frame.to_csv("ids.csv", index=False)
    Path("ids.csv").rename(LATIN)
    for output in ([], ["--json"], ["-o", "v.csv"]):
        done = subprocess.run(
            [sys.executable, "-m", "calcigram", "classify", LATIN, "--model", model, *output],
            env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        if output == ["--json"]:
            assert json.loads(done.stdout.decode(encoding))[0]["cluster_id"].startswith("Müller ")
    assert pd.read_csv("v.csv")["cluster_id"][0].startswith("Müller ")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_the_catalogue_of_features_is_written(suffix, tmp_path, capsys):
    output = tmp_path / f"features{suffix}"
    assert main(["features", "--catalogue", "-o", str(output)]) == 0
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".json": pd.read_json}[suffix]
    assert read(output)["name"].tolist() == feature_catalogue()["name"].tolist()
    assert capsys.readouterr().out == ""


def test_the_catalogue_takes_no_file_and_no_other_suffix(table, tmp_path, capsys):
    assert main(["features", table, "--catalogue"]) == 2
    assert "either a file to measure, or --catalogue" in capsys.readouterr().err
    assert main(["features", "--catalogue", "-o", str(tmp_path / "f.txt")]) == 2


def test_output_and_json_are_both_given(table, tmp_path, capsys):
    text = tmp_path / "why.txt"
    assert main(["explain", table, "--no-changes", "-o", str(text), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cluster_id"] in text.read_text()
    assert main(["rules", "check", "-o", str(tmp_path / "r.md"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert "lesions" in (tmp_path / "r.md").read_text()
    assert main(["features", "--catalogue", "-o", str(tmp_path / "f.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "n_calcifications"


def test_explain_names_ids_like_one_that_is_not_there(tmp_path, capsys):
    path = tmp_path / "one.csv"
    path.write_text("cluster_id,x_mm,y_mm\npatient-7,0,0\npatient-7,1,1\npatient-7,1,2\n")
    assert main(["explain", str(path), "--cluster", "patient7"]) == 2
    assert "did you mean 'patient-7'?" in capsys.readouterr().err


def test_train_leaves_rare_classes_out_on_request(tmp_path, capsys):
    labelled = simulate(200, seed=5)
    words = labelled.meta["true_distribution"].to_numpy(object)
    few = (words == "branching").nonzero()[0][9:]
    words[few] = None
    meta = labelled.meta.assign(true_distribution=words).drop(columns="true_morphology")
    write_clusters(type(labelled)(**vars(labelled) | {"meta": meta}), tmp_path / "own.csv")
    train = ["train", str(tmp_path / "own.csv"), "-o", str(tmp_path / "m"), "--iterations", "2"]
    assert main(train) == 2
    err = capsys.readouterr().err
    assert "9 of branching" in err
    assert "--drop-rare" in err
    assert not (tmp_path / "m").exists()
    assert main([*train, "--drop-rare"]) == 0
    err = capsys.readouterr().err
    assert "left out as rare: branching (9)" in err
    assert "will not read that axis" in err
    assert main(["classify", str(tmp_path / "own.csv"), "--model", str(tmp_path / "m")]) == 0
    assert "unread" in capsys.readouterr().out
