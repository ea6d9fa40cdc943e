"""Damaged files of every kind: the documented exceptions only, no hang, no gigabytes.

A minute in all; CALCIGRAM_FUZZ_SECONDS asks for more. Each file starts sound, then bytes are
changed, cut out, repeated or put in, in places that hypothesis chooses.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import resource
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from calcigram import ClusterSet, read_clusters, write_clusters
from calcigram.errors import CalcigramError

DATA = Path(__file__).parents[1] / "data"
SECONDS = float(os.environ.get("CALCIGRAM_FUZZ_SECONDS", "60"))
SLOWEST_S = 20.0
EXAMPLES_A_ROUND = 25
MOST_MEMORY = 1 << 30

pytestmark = pytest.mark.slow


def tables(folder):
    clusters = ClusterSet.from_arrays(
        [0, 3, 5], np.arange(5.0), np.arange(5.0) ** 2, cluster_id=["a", "b"],
        diameter_mm=[0.1, 0.2, np.nan, 0.4, 0.5], meta={"note": ['x, "y"', None]},
    )  # fmt: skip
    for name, options in {
        "lists.parquet": {}, "long.parquet": {"layout": "long"}, "table.csv": {},
    }.items():  # fmt: skip
        write_clusters(clusters, folder / name, **options)
        yield (folder / name).read_bytes()


@pytest.fixture(scope="module")
def sound(tmp_path_factory, mammography):
    """The bytes of a sound file of each kind."""
    spec = importlib.util.spec_from_file_location("make_examples", DATA / "make_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("sound")
    small = module.segmentation(np.pad(module.label_mask()[::8, ::8], 1))
    image = mammography.breast(80, 70, spots=())
    files = {
        "cad_sr": module.save(module.cad_sr(module.centres_px(3)), folder / "1").read_bytes(),
        "tid1500": module.save(module.tid1500(module.centres_px(3)), folder / "2").read_bytes(),
        "segmentation": module.save(small, folder / "3").read_bytes(),
        "inbreast": module.inbreast(),
        "png": (DATA / "labels.png").read_bytes(),
        "tiff": (DATA / "labels.tif").read_bytes(),
        "npz": (DATA / "labels.npz").read_bytes(),
        "mammogram": mammography.save(folder / "4", image).read_bytes(),
        "compressed": mammography.save_compressed(
            folder / "5", "1.2.840.10008.1.2.4.70", mammography.lossless_jpeg(image), image
        ).read_bytes(),
        **{name: (DATA / name).read_bytes() for name in OF_OTHERS},
        "json": b'[{"cluster_id":"a","x_mm":1,"y_mm":2},{"cluster_id":"a","x_mm":1.5,"y_mm":2}]',
    }
    return files | dict(zip(("lists", "long", "csv"), tables(folder), strict=True))


@st.composite
def damage(draw):
    """A list of edits: (where, of 1000), how, and with what."""
    edit = st.tuples(
        st.integers(0, 999),
        st.sampled_from(["flip", "cut", "repeat", "insert", "zero", "ones", "end"]),
        st.binary(min_size=1, max_size=12),
    )
    return draw(st.lists(edit, min_size=1, max_size=6))


def damaged(data, edits):
    for where, how, with_ in edits:
        at, n = where * len(data) // 1000, len(with_)
        head, tail = data[:at], data[at:]
        if how == "flip":
            data = head + bytes(a ^ b for a, b in zip(tail[:n], with_, strict=False)) + tail[n:]
        elif how == "cut":
            data = head + tail[n:]
        elif how == "repeat":
            data = head + tail[:n] * 50 + tail
        elif how == "insert":
            data = head + with_ + tail
        elif how in ("zero", "ones"):
            data = head + (b"\0" if how == "zero" else b"\xff") * n + tail[n:]
        else:
            data = head or data
    return data


OF_OTHERS = ("nnunet.nii.gz", "probabilities.tif", "mask_secondary_capture.dcm", "coco.json", "labelme.json", "RoiSet.zip", "slicer.mrk.json", "marks.xlsx")  # fmt: skip
KINDS = (*OF_OTHERS, "cad_sr", "tid1500", "segmentation", "inbreast", "png", "tiff", "npz", "mammogram", "compressed", "json", "lists", "long", "csv")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_or_read(sound, kind, tmp_path_factory):
    path = tmp_path_factory.mktemp(kind) / "file"
    is_stated = kind in (
        "nnunet.nii.gz",
        "mask_secondary_capture.dcm",
        "slicer.mrk.json",
        "marks.xlsx",
    )
    pixel_spacing = (
        0.07 if kind in ("png", "tiff", "npz") or (kind in OF_OTHERS and not is_stated) else None
    )

    @settings(
        max_examples=EXAMPLES_A_ROUND, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(damage())
    def attack(edits):
        path.write_bytes(damaged(sound[kind], edits))
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                clusters = read_clusters(path, pixel_spacing=pixel_spacing)
            except CalcigramError:
                clusters = None
        assert clusters is None or np.isfinite(clusters.x_mm).all()
        assert time.process_time() - start < SLOWEST_S

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Round after round, as hypothesis knows no end by the clock; each starts from a seed of its own.
    deadline = time.monotonic() + SECONDS / len(KINDS)
    for round_ in itertools.count():
        seed(round_)(attack)()
        if time.monotonic() > deadline:
            break
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_MEMORY
