"""CSV and JSON: many points, columns and keys, deep nesting, long numbers and names."""

from __future__ import annotations

import json
from functools import partial

from attack.inputs import JSON, SPACING, Input
from attack.inputs.annotations import coco, inbreast_of, labelme, slicer


def csv(rows: bytes, heading: bytes = b"cluster_id,x_mm,y_mm\n") -> bytes:
    return heading + rows


def million_points() -> bytes:
    point = b'{"cluster_id":"a","x_mm":1,"y_mm":2}'
    return b"[" + b",".join([point] * 1_000_000) + b"]"


def http_points(n: int) -> bytes:
    return b'{"points":[' + b",".join([b'{"x_mm":1.5,"y_mm":2.5}'] * n) + b"]}"


def http_clusters(n: int) -> bytes:
    return b'{"clusters":[' + b",".join([b'{"x_mm":[1],"y_mm":[2]}'] * n) + b"]}"


TEXTS = [
    Input("CSV of 10^6 equal points", lambda: csv(b"a,1,2\n" * 1_000_000), {}, "text/csv"),
    Input("CSV of a cluster of 10^6 points", lambda: csv(b"".join(b"a,%d,%d\n" % (k % 1000, k // 1000) for k in range(1_000_000))), {}, "text/csv", ("page", "HTTP")),
    Input("CSV of 10^6 clusters", lambda: csv(b"".join(b"c%d,1,2\n" % k for k in range(1_000_000))), {}, "text/csv", ("page", "HTTP")),
    Input("CSV of 500,000 clusters", lambda: csv(b"".join(b"c%d,1,2\n" % k for k in range(500_000))), {}, "text/csv", ("Python", "command")),
    Input("CSV of 10^6 columns", lambda: b",".join(b"c%d" % k for k in range(1_000_000)) + b"\n" + b"1," * 999_999 + b"1\n", {}, "text/csv"),
    Input("CSV of one line of 60 MB", lambda: b"x" * 60_000_000, {}, "text/csv"),
    Input("CSV of a quote that never ends", lambda: csv(b'"' + b"a,1,2\n" * 5_000_000), {}, "text/csv"),
    Input("CSV of 30 million quotes", lambda: csv(b'"' * 30_000_000), {}, "text/csv"),
    Input("CSV of 20 million empty lines", lambda: csv(b"\n" * 20_000_000), {}, "text/csv"),
    Input("CSV of a number of 10^7 digits", lambda: csv(b"a," + b"9" * 10_000_000 + b",2\n"), {}, "text/csv"),
    Input("CSV of a million bad values", lambda: csv(b"a,x,y\n" * 1_000_000), {}, "text/csv"),
    Input("CSV of an id of 10^7 characters", lambda: csv(b"a" * 10_000_000 + b",1,2\n" + b"b,1,2\n" * 9), {}, "text/csv"),
    Input("CSV of a heading that is almost a name", lambda: csv(b"a,1,2\n", b"cluster_id," + b"x_mm" * 1_000_000 + b",y_mm\n"), {}, "text/csv"),
    Input("CSV of NUL", lambda: bytes(50_000_000), {}, "text/csv"),
    Input("CSV in UTF-16", lambda: csv(b"a,1,2\n" * 1_000_000).decode().encode("utf-16"), {}, "text/csv"),
    Input("JSON of 10^6 points", million_points),
    Input("JSON of a body of 10^6 points", partial(http_points, 1_000_000), {}, JSON),
    Input("JSON of a body of 20,000 points", partial(http_points, 20_000), {}, JSON),
    Input("JSON of 10^6 clusters", partial(http_clusters, 1_000_000), {}, JSON),
    Input("JSON nested 10^7 deep", lambda: b"[" * 10_000_000, {}, JSON),
    Input("JSON objects nested 10^6 deep", lambda: b'{"points":' * 1_000_000, {}, JSON),
    Input("annotations nested 10^6 deep", lambda: b'{"annotations":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
    Input("JSON of a number of 10^7 digits", lambda: b'{"x_mm":[' + b"9" * 10_000_000 + b'],"y_mm":[1]}', {}, JSON),
    Input("COCO of a number of 10^7 digits", lambda: b'{"annotations":[{"image_id":' + b"9" * 10_000_000 + b"}]}"),
    Input("COCO of an exponent of 10^7 digits", lambda: b'{"annotations":[{"image_id":1e' + b"9" * 10_000_000 + b"}]}"),
    Input("COCO of 10^6 keys", lambda: b'{"annotations":[' + b"{" + b",".join(b'"k%d":1' % k for k in range(1_000_000)) + b"}]}"),
    Input("COCO of the same key 10^6 times", lambda: b'{"annotations":[{' + b",".join([b'"k":[]'] * 1_000_000) + b"}]}"),
    Input("COCO of 500,000 annotations", lambda: coco([[]] * 300_000, bbox=[1, 1, 2, 2]), SPACING),
    Input("LabelMe of a name of 10^7 characters", lambda: labelme([{"label": "calc_" + "1_" * 5_000_000 + "x", "points": [[1, 2]], "shape_type": "point"}]), SPACING),
    Input("LabelMe of a name of 10^7 words", lambda: labelme([{"label": "calcification-" * 700_000, "points": [[1, 2]], "shape_type": "point"}]), SPACING),
    Input("LabelMe of 100,000 names", lambda: labelme([{"label": f"calcification {k} x", "points": [[k, 2]], "shape_type": "point"} for k in range(100_000)]), SPACING),
    Input("INbreast of a name of 10^7 digits", lambda: inbreast_of([{"Name": "1_" * 5_000_000 + "x", "Point_px": ["(1, 2)"]}] * 3)),
    Input("INbreast of a point of 10^7 characters", lambda: inbreast_of([{"Name": "Calcification", "Point_px": ["(" + "1, " * 3_000_000 + "2)"]}])),
    Input("INbreast of names of many spaces", lambda: inbreast_of([{"Name": "calc" + " " * 5_000_000 + "x", "Point_px": ["(1, 2)"]}] * 3)),
    Input("Slicer of 500,000 points", lambda: json.dumps({"markups": [slicer([[k % 700, k // 700] for k in range(500_000)])]}).encode()),
    Input("a regular grid of 30,000 points", lambda: csv(b"".join(b"a,%d,%d\n" % (k % 173, k // 173) for k in range(30_000))), {}, "text/csv"),
]  # fmt: skip
