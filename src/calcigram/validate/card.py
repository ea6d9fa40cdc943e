"""The figures of a model card: the results of a full evaluation, laid out as tables.

It measures nothing; ``calcigram evaluate --full`` and the page of the card print the same tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

AXES = ("distribution", "morphology")


def card_tables(found: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the tables by their captions; a stage that did not run has none.

    Parameters
    ----------
    found : dict
        As `full.full_evaluation` returns it.

    Examples
    --------
    >>> card_tables({"outcomes": {"risk": {"figures": []}}})
    {}
    """
    import pandas as pd

    rows = {
        caption: table
        for stage, tables in _TABLES.items()
        if stage in found
        for caption, table in tables(found[stage]).items()
    }
    return {caption: pd.DataFrame(table) for caption, table in rows.items() if table}


def card_markdown(found: dict[str, Any]) -> str:
    """Return the tables in Markdown, each under its caption."""
    from calcigram.wording import markdown_table

    parts = [
        f"**{caption}:**\n\n{markdown_table(frame)}"
        for caption, frame in card_tables(found).items()
    ]
    return "\n\n".join(parts) + "\n"


Rows = list[dict[str, Any]]


def _bench(found: dict[str, Any]) -> dict[str, Rows]:
    rows = []
    for grade, results in found["grades"].items():
        for reader in ("model", "rules"):
            marks, bare = results["with_marks"][reader], results["positions_only"][reader]
            row = {"grade": grade, "reader": reader}
            row |= {axis: _figure(marks, axis, "macro_f1") for axis in (*AXES, "concern")}
            row |= {"positions alone": _figure(bare, "distribution", "macro_f1")}
            row |= {f"calibration error, {a}": _figure(marks, a, "calibration_error") for a in AXES}
            rows.append(row)
    agree = [
        {"grade": grade, **{f"kappa, {a}": found_["readers"]["kappa"][a][0] for a in AXES},
         "to review": found_["readers"]["review_share"]}
        for grade, found_ in found["grades"].items()
    ]  # fmt: skip
    return {
        f"Macro-F1 and calibration on bench_v1, {found['n_a_grade']:,} clusters per grade, "
        f"seed {found['seed']}": rows,
        "The two readers with each other": agree,
    }


def _trust(found: dict[str, Any]) -> dict[str, Rows]:
    level, n = found["coverage"], found["n_fresh"]
    alarms = [{"clusters": kind, "alarms": share} for kind, share in found["alarms"].items()]
    alarms += [
        {"clusters": f"mechanisms {kind} (score fitted anew)", "alarms": share}
        for kind, share in found["unseen_mechanisms"].items()
    ]
    return {
        f"Conformal sets at {level:g}, {n:,} fresh clusters of the training ranges, seed {found['seed']}": found[
            "sets"
        ],
        "Accuracy where only the surest are read, bench_v1 typical": found["abstention"],
        "Share called unlike the training, by kind": alarms,
        "Why the readers differ, bench_v1 typical": found["disagreements"],
    }


def _transfer(found: dict[str, Any]) -> dict[str, Rows]:
    options = found["options"]
    return {
        f"Mechanisms left out of the training, macro-F1 over folds of {options['n_train']:,} "
        f"clusters, seeds from {options['seed']}": [
            {key: row[key] for key in ("axis", "kind", "mean", "worst")} for row in found["summary"]
        ]
    }


def _outcomes(found: dict[str, Any]) -> dict[str, Rows]:
    rows = [
        {
            "score": row["score"],
            "without callback": "with" if row["without_callback"] else "left out",
            "lesions": row["lesions"],
            "AUC": row["auc"],
        }
        for row in found["risk"]["figures"]
    ]
    return {"Malignancy on the official test lesions of CBIS-DDSM": rows}


def _stress(found: dict[str, Any]) -> dict[str, Rows]:
    rows = []
    for curve, entry in found["curves"].items():
        for place in (0, -1):
            figures = entry["figures"][place]
            row = {"nuisance": curve, "level": f"{entry['levels'][place]} {entry['unit']}"}
            row |= {f"accuracy, {axis}": figures[axis]["accuracy"] for axis in AXES}
            row |= {f"coverage, {axis}": figures[axis]["coverage"] for axis in AXES}
            rows.append(row | {"readers agree": figures["agree_both"]})
    return {f"One nuisance at a time, first and last level, {found['n']:,} clusters each": rows}


_TABLES = {
    "bench": _bench,
    "trust": _trust,
    "transfer": _transfer,
    "outcomes": _outcomes,
    "stress": _stress,
}


def _figure(figures: dict[str, Any], axis: str, name: str) -> Any:
    return figures["axes"].get(axis, {}).get(name)
