"""The report is one file that needs nothing else, hides nothing, and runs nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from calcigram import ClusterSet, classify, crosscheck
from calcigram.consequences import load_rulebook
from calcigram.crosscheck import cases_to_review
from calcigram.lexicon import DISTRIBUTION_LABELS, MORPHOLOGY_LABELS
from calcigram.readings import Readings
from calcigram.report import review_order, rule_words, write_report

HOSTILE = "<script>alert('x')</script>\"&"


def readings(ids, distributions, forms, top, evidence, reader):
    d = np.array([DISTRIBUTION_LABELS.index(w) for w in distributions], np.int8)
    m = np.array([MORPHOLOGY_LABELS.index(w) for w in forms], np.int8)

    def spread_over(codes, n_words):
        p = np.full((len(codes), n_words), (1 - top) / (n_words - 1), np.float32)
        p[np.arange(len(codes)), np.minimum(codes, n_words - 1)] = top
        p[codes >= n_words] = np.nan
        return p

    n = len(ids)
    concern = load_rulebook("article").concern_of(d, m)
    return Readings(
        np.array(ids, object), d, m, spread_over(d, 6), spread_over(m, 9),
        np.zeros(n, np.int8), concern, concern,
        np.full((n, 3), 1 / 3, np.float32), np.array(evidence, object), reader,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(0)
    n = np.array([12, 2, 9, 5])
    offsets = np.concatenate([[0], np.cumsum(n)])
    x, y = rng.uniform(0, 20, (2, offsets[-1]))
    size = rng.uniform(0.1, 0.9, offsets[-1])
    size[-5:] = np.nan
    return ClusterSet.from_arrays(
        offsets, x, y, cluster_id=["A", HOSTILE, "C", "D"], diameter_mm=size
    )


@pytest.fixture(scope="module")
def verdicts(clusters):
    ids = list(clusters.cluster_id)
    rule = next(iter(rule_words()))
    model = readings(
        ids, ["grouped", "insufficient", "linear", "grouped"],
        ["round", "round", "vascular", "amorphous"], 0.9, [""] * 4, "model",
    )  # fmt: skip
    rules = readings(
        ids, ["grouped", "insufficient", "linear", "grouped"],
        ["round", "unread", "fine_linear", "unread"], 0.9, [rule, "", f"{rule}|{HOSTILE}", ""], "rules",
    )  # fmt: skip
    model = replace(model, unlike_training=np.array([False, False, False, True]))
    table = crosscheck(model, rules)
    table["p_malignant"] = [0.4, np.nan, 0.1, np.nan]
    table["p_malignant_low"], table["p_malignant_high"] = 0.05, 0.6
    table["n_calcifications"] = clusters.n_calcifications
    table["size_class"] = pd.Categorical(["micro", "mixed", "micro", None])
    table["model_version"] = "0-test"
    return table


@pytest.fixture(scope="module")
def text(clusters, verdicts, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert write_report(clusters, verdicts, path) == path
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text, parse):
    return parse(text)


def test_every_tag_closes_and_ids_are_unique(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"].removeprefix("#") for a in page.all("a")}
    assert targets <= set(ids)


def test_it_loads_nothing_and_runs_nothing(page, text):
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?\s*(?:https?:|//)""", text)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "default-src 'none'" in next(
        a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )


def test_hostile_ids_stay_text(page, text):
    assert "<script" not in text
    assert HOSTILE in page.words


def test_each_cluster_has_a_picture_with_words_for_it(page):
    images = page.all("img")
    assert len(images) == 4
    assert {base64.b64decode(i["src"].partition(",")[2])[:4] for i in images} == {b"\x89PNG"}
    (alt,) = [image["alt"] for image in images if image["alt"].startswith("Cluster A:")]
    assert alt == (
        "Cluster A: 12 calcifications, micro. Model reads grouped, round; rules read grouped, round."
    )


def test_tables_have_captions_and_headers_with_scope(page):
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(header.get("scope") in {"row", "col"} for header in page.all("th"))


def test_it_says_what_it_is_not(page):
    assert "Research only." in page.words
    assert "Not a medical device" in page.words


def test_the_counts_are_those_of_the_table(page, verdicts):
    assert f"{int(verdicts['review'].sum())} to look at" in page.words
    assert "1 readings: opposed" in page.words
    assert "Distribution: kappa 1.00 (95 % interval" in page.words


def test_the_first_to_look_at_is_the_opposed_one(page, verdicts):
    assert verdicts["cluster_id"].iloc[review_order(verdicts)[0]] == "C"
    review = page.words.split("To look at first")[-1].split("Clusters")[0]
    assert review.index("C linear, vascular") < review.index("D grouped")


def test_outcomes_come_with_their_warning(page, verdicts):
    n_known = int(verdicts["p_malignant"].notna().sum())
    assert n_known > 0
    assert page.words.count("turned out malignant: that cohort is enriched") == n_known


def test_review_order_holds_every_row_once(verdicts):
    order = review_order(verdicts)
    assert sorted(order) == [0, 1, 2, 3]
    first = verdicts["cluster_id"].iloc[order[: int(verdicts["review"].sum())]].tolist()
    assert first == cases_to_review(verdicts)["cluster_id"].tolist()


def test_rules_are_told_in_words(page):
    rule, words = next(iter(rule_words().items()))
    assert f"{rule} : {words}" in page.words


def test_probabilities_are_numbers_and_not_only_bars(page):
    bars = [a for a in page.all("span") if "width" in a.get("style", "")]
    assert all(re.fullmatch(r"width: \d+\.\d%", bar["style"]) for bar in bars)
    assert "0.90" in page.words
    hidden = [a for a in page.all("td") if a.get("aria-hidden") == "true"]
    assert len(hidden) == len(bars)


def test_a_status_has_no_bars(clusters, verdicts, tmp_path, parse):
    page = parse(write_report(clusters[1], verdicts.iloc[[1]], tmp_path / "r.html").read_text())
    assert "Model, distribution" not in page.words
    assert "Model, morphology" in page.words


def test_pictures_are_capped_and_the_cap_is_told(clusters, verdicts, tmp_path, parse):
    seen = []
    path = write_report(
        clusters, verdicts, tmp_path / "r.html", max_pictures=2,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    page = parse(path.read_text())
    assert len(page.all("img")) == 2
    assert "The first 2 of 4 clusters" in page.words
    assert seen == [(1, 2), (2, 2)]
    assert "4 clusters" in page.words


def test_no_clusters_make_a_report_too(clusters, verdicts, tmp_path, parse):
    page = parse(write_report(clusters[:0], verdicts.iloc[:0], tmp_path / "r.html").read_text())
    assert "No cluster asks for a second look." in page.words


def test_clusters_and_verdicts_must_match(clusters, verdicts, tmp_path):
    with pytest.raises(ValueError, match="same clusters in the same order"):
        write_report(clusters[::-1], verdicts, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_signs_that_steer_terminals_stay_out(tmp_path):
    cluster = ClusterSet.from_arrays(
        [0, 3], [0, 1, 2], [0, 0, 1], cluster_id=["a\x1b[2J\x07\x9b2J\u202eb\u00b5"]
    )
    text = write_report(cluster, classify(cluster), tmp_path / "r.html").read_text()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "a?[2J??2J?b\u00b5" in text
