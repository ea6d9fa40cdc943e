"""Annotations and detections of other programs: COCO, LabelMe, ImageJ, 3D Slicer."""

import base64
import json
import zipfile

import nibabel as nib
import numpy as np
import pytest
import roifile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from calcigram import read_clusters
from calcigram.clusters import MARK_NAMES
from calcigram.errors import BadInputError, CalcigramError, PixelSizeError
from calcigram.formats import kind_of, read_intake
from calcigram.longtable import NoticeWarning
from calcigram.options import ReadOptions

SPACING = 0.05
SHAPE = (120, 400)
BOXES = [
    (20 + 9 * k, 15 + 55 * k, 5 + k % 3, 6 + 2 * k) for k in range(7)
]  # top, left, height, width


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def mask_of(boxes=BOXES, shape=SHAPE):
    mask = np.zeros(shape, np.uint8)
    for top, left, height, width in boxes:
        mask[top : top + height, left : left + width] = 1
    return mask


def corners(top, left, height, width):
    return [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]


def run_lengths(mask):
    flat = np.concatenate([[0], mask.ravel(order="F") > 0, [0]]).astype(int)
    ends = np.flatnonzero(np.diff(flat))
    return np.diff([0, *ends, mask.size][: len(ends) + 2]).tolist()


def packed(lengths):
    """Pack run lengths as COCO does."""
    text = ""
    for k, length in enumerate(lengths):
        x = length - (lengths[k - 2] if k > 2 else 0)
        more = True
        while more:
            c = x & 31
            x >>= 5
            more = x != -1 if c & 16 else x != 0
            text += chr((c | 32 if more else c) + 48)
    return text


def coco(segmentations, *, name="calcification", shape=SHAPE, **more):
    annotations = [
        {"id": k, "image_id": 7, "category_id": 3, "segmentation": s, "iscrowd": 0, **more}
        for k, s in enumerate(segmentations)
    ]
    return {
        "images": [{"id": 7, "file_name": "a/IMG_1.png", "height": shape[0], "width": shape[1]}],
        "categories": [{"id": 3, "name": name}],
        "annotations": annotations,
    }


def polygons(boxes=BOXES):
    return [[np.ravel(corners(*box)).tolist()] for box in boxes]


def labelme(shapes, **more):
    return {"version": "5.4", "flags": {}, "shapes": shapes, "imagePath": "..\\IMG_1.png", "imageHeight": SHAPE[0], "imageWidth": SHAPE[1], **more}  # fmt: skip


def shape(label, points, kind="polygon"):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}}


def roi(points, name=""):
    made = roifile.ImagejRoi.frompoints(np.asarray(points, np.float32), name=name or None)
    made.roitype = roifile.ROI_TYPE.POLYGON
    return made


@pytest.fixture
def expected(tmp_path):
    np.save(tmp_path / "expected.npy", mask_of())
    return read_clusters(tmp_path / "expected.npy", pixel_spacing=SPACING)


def same(clusters, expected, *, pixels=False):
    """Check marks; those of outlines have no pixels, so that second moments differ by a twelfth of one."""
    order, others = clusters.x_mm.argsort(), expected.x_mm.argsort()
    assert clusters.n_calcifications.tolist() == expected.n_calcifications.tolist()
    for mark in MARK_NAMES:
        found, wanted = getattr(clusters, mark)[order], getattr(expected, mark)[others]
        if mark == "orientation_deg":  # an axis, that 0 and 180 are both
            found = (found - wanted + 90) % 180 - 90 + wanted
        rtol = 0.2 if mark == "aspect_ratio" and not pixels else 1e-5
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-3)


@pytest.mark.parametrize("how", ["polygon", "lists", "packed", "one crowd"])
def test_coco_is_measured_as_the_mask_is(tmp_path, expected, how):
    masks = [mask_of([box]) for box in BOXES]
    if how == "polygon":
        content = coco(polygons())
    elif how == "one crowd":
        rle = {"size": list(SHAPE), "counts": run_lengths(mask_of())}
        content = coco([rle], iscrowd=1)
    else:
        pack = packed if how == "packed" else list
        content = coco([{"size": list(SHAPE), "counts": pack(run_lengths(m))} for m in masks])
    path = write(tmp_path / "a.json", content)
    assert kind_of(path) == "coco"
    clusters = read_clusters(path, pixel_spacing=SPACING)
    same(clusters, expected, pixels=how != "polygon")
    assert clusters.meta.image_id.tolist() == ["IMG_1"]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=5, max_size=8))
def test_every_way_gives_the_same_marks(tmp_path, sizes):
    boxes = [(10 + 12 * (k % 5), 12 + 45 * k, h, w) for k, (h, w) in enumerate(sizes)]
    mask = mask_of(boxes)
    Image.fromarray(mask).save(tmp_path / "m.png")
    expected = read_clusters(tmp_path / "m.png", pixel_spacing=SPACING)
    affine = np.diag([-SPACING, -SPACING, 1, 1])
    image = nib.Nifti1Image(mask.T[..., None], affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "m.nii.gz")
    same(read_clusters(tmp_path / "m.nii.gz"), expected, pixels=True)
    np.save(tmp_path / "p.npy", 0.9 * mask)
    found = read_intake(tmp_path / "p.npy", ReadOptions(pixel_spacing=SPACING)).clusters
    same(found, expected, pixels=True)
    rles = [{"size": list(SHAPE), "counts": packed(run_lengths(mask_of([b])))} for b in boxes]
    write(tmp_path / "r.json", coco(rles))
    same(read_clusters(tmp_path / "r.json", pixel_spacing=SPACING), expected, pixels=True)
    write(tmp_path / "p.json", coco(polygons(boxes)))
    found = read_clusters(tmp_path / "p.json", pixel_spacing=SPACING)
    order = found.x_mm.argsort(), expected.x_mm.argsort()
    for mark in ("x_mm", "y_mm", "diameter_mm"):
        pair = getattr(found, mark)[order[0]], getattr(expected, mark)[order[1]]
        np.testing.assert_allclose(*pair, rtol=1e-5)


def test_labelme_and_imagej_outlines(tmp_path, expected):
    content = labelme([shape("Calc", corners(*box)) for box in BOXES])
    content["imageData"] = base64.b64encode(bytes(100_000)).decode()
    path = write(tmp_path / "l.json", content)
    assert kind_of(path) == "labelme"
    same(read_clusters(path, pixel_spacing=SPACING), expected)
    roifile.roiwrite(tmp_path / "RoiSet.zip", [roi(corners(*box), f"calc-{k}") for k, box in enumerate(BOXES)])  # fmt: skip
    assert kind_of(tmp_path / "RoiSet.zip") == "imagej"
    same(read_clusters(tmp_path / "RoiSet.zip", pixel_spacing=SPACING), expected)


def test_polygons_of_several_parts_are_one(tmp_path):
    both = [
        np.ravel(corners(10, 10, 4, 4)).tolist(),
        np.ravel(corners(10, 20, 4, 4)[::-1]).tolist(),
    ]
    segmentations = [both, *polygons(BOXES[:5])]
    clusters = read_clusters(write(tmp_path / "a.json", coco(segmentations)), pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [6]
    np.testing.assert_allclose(clusters.x_mm[0], 17 * SPACING, rtol=1e-6)
    np.testing.assert_allclose(
        clusters.diameter_mm[0], 2 * np.sqrt(32 / np.pi) * SPACING, rtol=1e-6
    )
    assert clusters.solidity[0] == pytest.approx(32 / 56)


def test_boxes_alone_give_a_guess(tmp_path):
    annotations = coco([[]] * 7)
    for one, (top, left, height, width) in zip(annotations["annotations"], BOXES, strict=True):
        one["bbox"] = [left, top, width, height]
    path = write(tmp_path / "a.json", annotations)
    with pytest.warns(NoticeWarning, match="7 calcifications given by a box alone.*a guess"):
        clusters = read_clusters(path, pixel_spacing=SPACING)
    top, left, height, width = np.array(BOXES).T
    np.testing.assert_allclose(clusters.x_mm, (left + width / 2) * SPACING, rtol=1e-6)
    np.testing.assert_allclose(clusters.diameter_mm, np.sqrt(width * height) * SPACING, rtol=1e-6)
    assert np.isnan(clusters.aspect_ratio).all()


def test_detections_have_scores(tmp_path):
    annotations = coco(polygons())["annotations"]
    for k, one in enumerate(annotations):
        one["score"] = 0.3 + 0.1 * k
    path = write(tmp_path / "results.json", annotations)
    intake = read_intake(path, ReadOptions(pixel_spacing=SPACING))
    assert any("2 detections of a score below 0.5 (--threshold)" in note for note in intake.notes)
    scores = np.sort(intake.clusters.confidence)
    np.testing.assert_allclose(scores, [0.5, 0.6, 0.7, 0.8, 0.9], rtol=1e-6)
    found = read_intake(path, ReadOptions(pixel_spacing=SPACING, threshold=0.3, labels="3"))
    assert found.clusters.n_calcifications.tolist() == [7]
    write(path, coco(polygons()))
    with pytest.raises(BadInputError, match=r"--threshold.*expected annotations with a score"):
        read_clusters(path, pixel_spacing=SPACING, threshold=0.5)


def test_names_are_chosen(tmp_path):
    content = coco(polygons())
    content["categories"] = [{"id": 3, "name": "mass"}, {"id": 4, "name": "dots"}, {"id": 5, "name": "field"}]  # fmt: skip
    for one in content["annotations"][1:]:
        one["category_id"] = 4
    around = {"id": 50, "image_id": 7, "category_id": 5, "segmentation": [np.ravel(corners(0, 0, 110, 390)).tolist()]}  # fmt: skip
    content["annotations"].append(around)
    path = write(tmp_path / "a.json", content)
    for labels, regions in (("dots", "field"), ("4", "5"), ([4], ["field"])):
        intake = read_intake(
            path, ReadOptions(pixel_spacing=SPACING, labels=labels, regions=regions)
        )
        assert intake.clusters.n_calcifications.tolist() == [6]
        assert intake.clusters.meta.formed_by.tolist() == ["in the outline drawn around it"]
        assert "1 region named 'mass' left out" in intake.notes
    intake = read_intake(path, ReadOptions(pixel_spacing=SPACING))
    assert len(intake.clusters) == 0
    assert any("names are 'dots', 'field', 'mass': choose with --label" in n for n in intake.notes)
    with pytest.raises(
        BadInputError, match=r"--label.*got 'calc', expected a name in the file: 'dots', 'field'"
    ):
        read_clusters(path, pixel_spacing=SPACING, labels="calc")
    with pytest.raises(BadInputError, match=r"--regions.*got 9, expected a name in the file"):
        read_clusters(path, pixel_spacing=SPACING, regions=[9])


@pytest.mark.parametrize("name", ["lesion", "", "object 1", "Detection"])
def test_a_general_name_is_taken_with_a_notice(tmp_path, name):
    path = write(tmp_path / "a.json", coco(polygons(), name=name))
    with pytest.warns(NoticeWarning, match="read as calcifications, as no other name"):
        assert read_clusters(path, pixel_spacing=SPACING).n_calcifications.tolist() == [7]


def test_several_images_are_clusters_of_their_own(tmp_path, examples):
    content = coco(polygons())
    content["images"].append({"id": "b", "file_name": "IMG_2.dcm", "height": 4096, "width": 3328})
    content["images"].append({"id": 9, "file_name": "IMG_3.dcm", "height": 1, "width": 1})
    content["annotations"] += [{**one, "image_id": "b"} for one in content["annotations"][:6]]
    path = write(tmp_path / "a.json", content)
    clusters = read_clusters(path, pixel_spacing=SPACING)
    assert clusters.n_calcifications.tolist() == [7, 6]
    assert clusters.meta.image_id.tolist() == ["IMG_1", "IMG_2"]
    folder = tmp_path / "images"
    folder.mkdir()
    with pytest.raises(PixelSizeError, match=r"image IMG_1.*--pixel-spacing MM"):
        read_clusters(path, images=[folder])
    examples.save(examples.mammogram(), folder / "IMG_2.dcm")
    content["annotations"] = content["annotations"][7:]
    clusters = read_clusters(write(path, content), images=[folder])
    assert clusters.meta.laterality.tolist() == ["L"]
    np.testing.assert_allclose(np.sort(clusters.x_mm)[0], (15 + 3) * examples.SPACING_MM, rtol=1e-5)


def test_an_image_that_was_scaled_is_noticed(tmp_path, examples):
    image = examples.save(examples.mammogram(), tmp_path / "IMG_1.dcm")
    path = write(tmp_path / "a.json", coco(polygons()))
    with pytest.raises(PixelSizeError, match="got '120 x 400', expected regions on an image of the mammogram's 4096 x 3328"):  # fmt: skip
        read_clusters(path, images=[image])
    assert len(read_clusters(path, images=[image], pixel_spacing=SPACING)) == 1


def test_labelme_shapes(tmp_path):
    shapes = [
        shape("calcification", [[100, 50], [100, 53]], "circle"),
        shape("calcification", [[110, 50]], "point"),
        shape("calcification", [[120, 50], [124, 54]], "rectangle"),
        shape("calcification", [[130, 50], [134, 50]], "line"),
        shape("cluster", corners(40, 90, 30, 50)),
        shape("mass", corners(0, 0, 9, 9)),
    ]
    intake = read_intake(
        write(tmp_path / "l.json", labelme(shapes)), ReadOptions(pixel_spacing=0.1)
    )
    clusters = intake.clusters
    assert clusters.n_calcifications.tolist() == [3]
    np.testing.assert_allclose(clusters.x_mm, [10, 11, 12.2], rtol=1e-6)
    np.testing.assert_allclose(clusters.diameter_mm, [0.6, np.nan, 0.4], rtol=1e-6)
    said = " ".join(intake.notes)
    assert "1 shape of the type 'line' left out" in said
    assert "1 region named 'mass' left out" in said
    with pytest.raises(PixelSizeError, match="--pixel-spacing MM"):
        read_clusters(tmp_path / "l.json")


def test_imagej_regions(tmp_path):
    def box(kind, name, top, left, bottom, right):
        made = roifile.ImagejRoi()
        made.roitype, made.name = kind, name
        made.top, made.left, made.bottom, made.right = top, left, bottom, right
        return made

    points = roifile.ImagejRoi.frompoints(
        np.array([[30, 10], [40, 12]], np.int32), name="0001-0002"
    )
    points.roitype = roifile.ROI_TYPE.POINT
    line = roi([[1, 1], [5, 5], [7, 1]], "0003-0003")
    line.roitype = roifile.ROI_TYPE.POLYLINE
    rois = [
        points,
        box(roifile.ROI_TYPE.OVAL, "0012-0034", 10, 50, 14, 58),
        box(roifile.ROI_TYPE.RECT, "0013-0034", 10, 70, 14, 74),
        roi(corners(10, 80, 4, 4), "0014-0034"),
        line,
    ]
    path = tmp_path / "RoiSet.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, one in enumerate(rois):
            archive.writestr(f"{k}.roi", one.tobytes())
    intake = read_intake(path, ReadOptions(pixel_spacing=0.1))
    clusters = intake.clusters
    assert clusters.n_calcifications.tolist() == [5]
    np.testing.assert_allclose(clusters.x_mm, [3.05, 4.05, 5.4, 7.2, 8.2], rtol=1e-6)
    np.testing.assert_allclose(clusters.aspect_ratio, [np.nan, np.nan, 2, np.nan, 1], rtol=1e-6)
    assert "1 region of the type 'polyline' left out" in " ".join(intake.notes)
    (tmp_path / "one.roi").write_bytes(rois[3].tobytes())
    assert kind_of(tmp_path / "one.roi") == "imagej"
    notes = read_intake(tmp_path / "one.roi", ReadOptions(pixel_spacing=0.1)).notes
    assert "1 region without a name read as calcifications" in " ".join(notes)
    assert clusters.meta.image_id.tolist() == ["RoiSet"]


def slicer(positions, system="LPS", label="F-{}", **more):
    points = [
        {"id": str(k), "label": label.format(k + 1), "position": list(map(float, p)), "positionStatus": "defined"}
        for k, p in enumerate(positions)
    ]  # fmt: skip
    markup = {"type": "Fiducial", "coordinateSystem": system, "coordinateUnits": "mm", "controlPoints": points, **more}  # fmt: skip
    return {"@schema": "https://example.org/markups-schema-v1.0.3.json#", "markups": [markup]}


PLACES = np.column_stack([10 + 1.5 * np.arange(6), 20 + 0.3 * np.arange(6), np.full(6, 4.0)])


@pytest.mark.parametrize(("system", "signs"), [("LPS", 1), ("RAS", (-1, -1, 1)), (0, (-1, -1, 1))])
def test_slicer_points(tmp_path, system, signs):
    path = write(tmp_path / "F.mrk.json", slicer(PLACES * signs, system))
    assert kind_of(path) == "slicer"
    with pytest.warns(NoticeWarning, match="named 'F' read as calcifications"):
        clusters = read_clusters(path)
    np.testing.assert_allclose(clusters.x_mm, PLACES[:, 0], rtol=1e-6)
    np.testing.assert_allclose(clusters.y_mm, PLACES[:, 1], rtol=1e-6)


def test_slicer_planes_pixels_and_images(tmp_path, examples):
    sagittal = np.column_stack([np.full(6, 3.0), PLACES[:, 0], -PLACES[:, 1]])
    path = write(tmp_path / "c.mrk.json", slicer(sagittal, label="calc-{}"))
    clusters = read_clusters(path)
    np.testing.assert_allclose(clusters.y_mm, PLACES[:, 1], rtol=1e-6)
    with pytest.raises(BadInputError, match="expected points in one plane"):
        read_clusters(write(path, slicer(np.random.default_rng(0).normal(0, 9, (6, 3)))))
    write(path, slicer(PLACES * (10, 10, 1), label="calc-{}"))
    with pytest.warns(
        NoticeWarning, match="coordinates read as pixels, as --pixel-spacing is given"
    ):
        clusters = read_clusters(path, pixel_spacing=0.1)
    np.testing.assert_allclose(clusters.x_mm, PLACES[:, 0] + 0.05, rtol=1e-6)
    write(path, slicer(PLACES, label="calc-{}"))
    image = examples.save(examples.mammogram(), tmp_path / "image.dcm")
    clusters = read_clusters(path, images=[image])
    np.testing.assert_allclose(clusters.x_mm, PLACES[:, 0] + examples.SPACING_MM / 2, rtol=1e-6)
    assert clusters.meta.laterality.tolist() == ["L"]


def test_slicer_curves_group_points(tmp_path):
    content = slicer(PLACES, label="calc-{}")
    around = [[9, 19, 4], [19, 19, 4], [19, 23, 4], [9, 23, 4]]
    content["markups"] += slicer(around, label="cluster-{}", type="ClosedCurve")["markups"]
    content["markups"] += slicer(around[:2], type="Line")["markups"]
    content["markups"][0]["controlPoints"].append(
        {"label": "calc-9", "positionStatus": "undefined"}
    )
    intake = read_intake(write(tmp_path / "c.mrk.json", content))
    assert intake.clusters.n_calcifications.tolist() == [6]
    assert intake.clusters.meta.formed_by.tolist() == ["in the outline drawn around it"]
    said = " ".join(intake.notes)
    assert "1 markup of the type 'Line' left out" in said
    assert "1 point without a position left out" in said
    for wrong, what in (({"coordinateSystem": "XYZ"}, "LPS or RAS"), ({"coordinateUnits": "inch"}, "expected mm")):  # fmt: skip
        with pytest.raises(BadInputError, match=what):
            read_clusters(write(tmp_path / "c.mrk.json", slicer(PLACES, **wrong)))


RLE = {"size": list(SHAPE), "counts": run_lengths(mask_of())}
HOSTILE = {
    "deep": b'{"annotations": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "cut off": json.dumps(coco(polygons())).encode()[:-40],
    "NaN": b'{"annotations": [{"image_id": 1, "bbox": [NaN, 1, 2, 3]}], "categories": []}',
    "huge number": b'{"annotations": [{"image_id": 1, "bbox": [1e999, 1, 2, 3]}], "categories": []}',
    "many digits": b'{"annotations": [{"image_id": ' + b"9" * 5000 + b"}]}",
    "not UTF-8": b'{"annotations": "\xff\xfe"}',
    "annotations": {"annotations": {"a": 1}, "categories": []},
    "odd polygon": coco([[[1, 2, 3]]]),
    "polygon of texts": coco([[["1", "2", "3", "4"]]]),
    "truth values": coco([[[True, False] * 3]]),
    "unknown image": {**coco(polygons()), "images": [{"id": 8, "file_name": "b"}]},
    "image id": coco(polygons(), image_id=[7]),
    "image twice": {**coco(polygons()), "images": [{"id": 7}, {"id": 7}]},
    "category": coco(polygons(), category_id="3"),
    "score": coco(polygons(), score=7),
    "size of a bomb": coco([{**RLE, "size": [60000, 60000], "counts": [0, 3600000000]}]),
    "other sum": coco([{**RLE, "counts": [5, 5]}]),
    "negative run": coco([{**RLE, "counts": [-5, SHAPE[0] * SHAPE[1] + 5]}]),
    "half a run": coco([{**RLE, "counts": [0.5, SHAPE[0] * SHAPE[1] - 0.5]}]),
    "packed": coco([{**RLE, "counts": "R1a"}]),
    "packed too large": coco([{**RLE, "counts": "oooooooooooo0"}]),
    "other letters": coco([{**RLE, "counts": "   "}]),
    "box": coco([[]], bbox=[1, 2, -3, 4]),
    "labelme points": labelme([shape("calc", [[1, 2, 3]])]),
    "labelme circle": labelme([shape("calc", [[1, 2]], "circle")]),
    "labelme shapes": labelme([7]),
    "labelme size": labelme([], imageHeight="9", imageWidth=3),
    "slicer position": slicer(PLACES[:, :2]),
    "an archive of damage": None,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files(tmp_path, what):
    path, content = tmp_path / "file", HOSTILE[what]
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("1.roi", b"Iout" + bytes(90))
            archive.writestr("2.roi", b"Iou")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write(path, content)
    with pytest.raises(CalcigramError) as caught:
        read_clusters(path, pixel_spacing=SPACING)
    assert str(path) in str(caught.value)


def test_archives_have_limits(tmp_path):
    path = tmp_path / "RoiSet.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.roi", bytes(70 << 20))
    with pytest.raises(BadInputError, match="unpack to 64 MB"):
        read_clusters(path, pixel_spacing=SPACING)


def test_half_characters_can_be_written(tmp_path):
    from calcigram.formats import write_clusters

    content = coco(polygons())
    content["images"][0]["file_name"] = "\ud800.png"
    clusters = read_clusters(write(tmp_path / "a.json", content), pixel_spacing=SPACING)
    write_clusters(clusters, tmp_path / "a.csv")
    write_clusters(clusters, tmp_path / "a.parquet")


def test_masks_of_crowds_far_apart_have_limits(tmp_path):
    rle = {"size": [6000, 6000], "counts": [0, 1, 6000 * 6000 - 2, 1]}
    path = write(tmp_path / "a.json", coco([rle] * 5, shape=(6000, 6000)))
    with pytest.raises(BadInputError, match=r"annotations\[4\].*in boxes of at most 160,000,000"):
        read_clusters(path, pixel_spacing=SPACING)
