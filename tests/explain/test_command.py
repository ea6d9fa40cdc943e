"""The command: text, JSON and picture of one cluster; what it refuses."""

from __future__ import annotations

import json

import pytest

from calcigram.cli import main
from calcigram.formats import write_clusters


@pytest.fixture(scope="module")
def files(model, unseen, clusters, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    model.save(folder / "model")
    write_clusters(unseen, folder / "unseen.csv")
    write_clusters(clusters, folder / "labelled.csv")
    return folder


def test_text_and_picture(files, tmp_path, capsys):
    picture = tmp_path / "why.png"
    code = main([
        "explain", str(files / "unseen.csv"), "--cluster", "c3", "--model", str(files / "model"),
        "--picture", str(picture), "--no-changes", "--reference", str(files / "labelled.csv"),
    ])  # fmt: skip
    assert code == 0
    assert capsys.readouterr().out.startswith("c3: ")
    assert picture.stat().st_size > 2000


def test_json(files, capsys):
    assert (
        main(["explain", str(files / "unseen.csv"), "--model", str(files / "model"), "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["cluster_id"] == "c0"
    assert 0 < found["risk"]["p_malignant_low"] < found["risk"]["p_malignant_high"] < 1


@pytest.mark.parametrize("extra", [["--cluster", "nobody"], ["--picture", "why.gif"]])
def test_what_is_refused(files, extra, capsys):
    code = main(["explain", str(files / "unseen.csv"), "--model", str(files / "model"), *extra])
    assert code == 2
    assert "calcigram: error" in capsys.readouterr().err
