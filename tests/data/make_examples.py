"""Writes one small example of each annotation format into this folder, all of made-up patients.

    python tests/data/make_examples.py

Nothing here is shared with the package: the reports are built item by item as PS3.16 has them (an
independent second writing of the templates), so that the readers are tested against something
other than the writers. Tests take the variants from `cad_sr` and its like.
"""

from __future__ import annotations

import json
import plistlib
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

HERE = Path(__file__).parent

CAD_SR, COMPREHENSIVE_SR, MAMMOGRAM = (
    "1.2.840.10008.5.1.4.1.1.88.50",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.1.2",
)
UIDS = {
    "study": "2.25.101",
    "image series": "2.25.102",
    "image": "2.25.103",
    "other image": "2.25.104",
    "report series": "2.25.105",
    "report": "2.25.106",
}
SPACING_MM = 0.07
N_ROWS, N_COLUMNS = 4096, 3328

SCT = {"cluster": "129769006", "single": "129770007", "nipple": "24142002", "linear": "129765000",
       "pleomorphic": "129763007", "left": "80248007", "CC": "399162004"}  # fmt: skip
SRT = {"cluster": "F-01775", "single": "F-01776", "nipple": "T-04100", "linear": "F-01771",
       "pleomorphic": "F-0176F", "left": "T-04030", "CC": "R-10242"}  # fmt: skip
MEANINGS = {
    "cluster": "Calcification Cluster",
    "single": "Individual Calcification",
    "nipple": "Nipple",
    "linear": "Linear calcification distribution",
    "pleomorphic": "Heterogeneous calcification",
    "left": "Left breast",
    "CC": "cranio-caudal",
}


def centres_px(n: int = 7, seed: int = 3) -> np.ndarray:
    """Return n points along a line of 12 mm, in pixels."""
    rng = np.random.default_rng(seed)
    along = np.linspace(0, 12 / SPACING_MM, n)
    return np.column_stack([1500 + along, 2000 + 0.3 * along]) + rng.normal(0, 2, (n, 2))


def outline_px(centre, seed: int = 0) -> np.ndarray:
    """Return a closed, slightly irregular outline of about 0.4 mm."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = 3 + rng.uniform(-0.4, 0.4, 12)
    points = np.asarray(centre) + np.column_stack(
        [1.5 * radius * np.cos(angle), radius * np.sin(angle)]
    )
    return np.vstack([points, points[:1]])


def coded(value, scheme, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def dcm(value, meaning):
    return coded(value, "DCM", meaning)


def word(name, legacy=False):
    if legacy:
        return coded(SRT[name], "SRT", MEANINGS[name])
    return coded(SCT[name], "SCT", MEANINGS[name])


def item(relation, kind, name=None, *children, **attributes):
    ds = Dataset()
    if relation:
        ds.RelationshipType = relation
    ds.ValueType = kind
    if name is not None:
        ds.ConceptNameCodeSequence = name
    for key, value in attributes.items():
        setattr(ds, key, value)
    if kind == "CONTAINER":
        ds.ContinuityOfContent = "SEPARATE"
    if children:
        ds.ContentSequence = Sequence(children)
    return ds


def number(relation, name, value, unit):
    measured = Dataset()
    measured.NumericValue = str(value)
    measured.MeasurementUnitsCodeSequence = coded(unit, "UCUM", unit)
    return item(relation, "NUM", name, MeasuredValueSequence=Sequence([measured]))


def image(relation, uid, *children):
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = MAMMOGRAM, uid
    return item(relation, "IMAGE", None, *children, ReferencedSOPSequence=Sequence([reference]))


def refer(relation, *place):
    ds = Dataset()
    ds.RelationshipType, ds.ReferencedContentItemIdentifier = relation, list(place)
    return ds


def drawing(name, graphic, points, selected, relation="HAS PROPERTIES"):
    data = [float(v) for v in np.asarray(points, np.float32).ravel()]
    return item(relation, "SCOORD", name, selected, GraphicType=graphic, GraphicData=data)


def header(class_uid, kind, series):
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = class_uid, UIDS[kind]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = UIDS["study"], UIDS[series]
    ds.PatientName, ds.PatientID = "Beispiel^Änne", "EX-7"
    ds.PatientBirthDate, ds.PatientSex = "19600102", "F"
    ds.StudyDate, ds.StudyTime, ds.StudyID = "20240305", "101112", "S1"
    ds.AccessionNumber, ds.ReferringPhysicianName = "A-9", ""
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.Manufacturer = "Example Vendor"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = class_uid
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = "2.25.1"
    return ds


def mammogram(kind="image", **attributes):
    """Return the header of a mammogram; its pixels are left out."""
    ds = header(MAMMOGRAM, kind, "image series")
    ds.Modality = "MG"
    ds.Rows, ds.Columns = N_ROWS, N_COLUMNS
    ds.ImagerPixelSpacing = [SPACING_MM, SPACING_MM]
    ds.ImageLaterality, ds.ViewPosition = "L", "CC"
    ds.PatientOrientation = ["A", "R"]
    for name, value in attributes.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    return ds


def report(class_uid, root, images=("image",)):
    """Return a document around a content tree."""
    ds = header(class_uid, "report", "report series")
    ds.Modality = "SR"
    ds.ContentDate, ds.ContentTime = "20240305", "101500"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    ds.PerformedProcedureCodeSequence = Sequence()
    study, series = Dataset(), Dataset()
    study.StudyInstanceUID, series.SeriesInstanceUID = UIDS["study"], UIDS["image series"]
    instances = []
    for kind in images:
        instance = Dataset()
        instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = MAMMOGRAM, UIDS[kind]
        instances.append(instance)
    series.ReferencedSOPSequence = Sequence(instances)
    study.ReferencedSeriesSequence = Sequence([series])
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    ds.update(root)
    return ds


CENTER, OUTLINE = dcm("111010", "Center"), dcm("111041", "Outline")
FINDING = dcm("111059", "Single Image Finding")


def cad_sr(
    centres=None,
    *,
    legacy=False,
    nested=True,
    spacing=True,
    images=("image",),
    outlines=True,
    nipple=True,
    clusters=1,
    modifiers=(),
):
    """Return a Mammography CAD SR of one cluster a part of `centres`, as PS3.17 E.3 has it.

    Parameters
    ----------
    nested : {True, False, "reference", "container", None}
        Calcifications nested in the cluster; beside it; beside it and referred to; nested, their
        drawings hung on a container around each; or none at all, though they are counted.
    """
    centres = centres_px() if centres is None else np.asarray(centres, float)
    algorithm = [
        item("HAS PROPERTIES", "TEXT", dcm("111001", "Algorithm Name"), TextValue="Found"),
        item("HAS PROPERTIES", "TEXT", dcm("111003", "Algorithm Version"), TextValue="3.1"),
    ]
    intent = item(
        "HAS CONCEPT MOD", "CODE", dcm("111056", "Rendering Intent"),
        ConceptCodeSequence=dcm("111150", "Presentation Required: Rendering device is expected to present"),
    )  # fmt: skip

    def finding(relation, name, *children):
        return item(
            relation, "CODE", FINDING, intent, *algorithm, *children,
            ConceptCodeSequence=word(name, legacy),
        )  # fmt: skip

    def drawn(centre, outline, place):
        shapes = [drawing(CENTER, "POINT", centre, refer("SELECTED FROM", *place))]
        if outline is not None:
            shapes.append(drawing(OUTLINE, "POLYLINE", outline, refer("SELECTED FROM", *place)))
        return shapes

    def single(k, centre, place, relation="INFERRED FROM"):
        shapes = drawn(centre, outline_px(centre, k) if outlines else None, place)
        if nested == "container":
            return item(
                relation, "CONTAINER", dcm("111034", "Individual Impression/Recommendation"),
                finding("CONTAINS", "single"), *shapes,
            )  # fmt: skip
        return finding(relation, "single", *shapes)

    library = [_library_entry(uid, legacy, spacing, modifiers) for uid in images]
    impression = [intent]
    parts = np.array_split(centres, clusters)
    for number_of, part in enumerate(parts):
        place = (1, 2, 1 + number_of % len(images))
        singles = [single(k, centre, place) for k, centre in enumerate(part)]
        first = len(impression) + 2  # the places of siblings that follow the cluster
        referred = [
            refer("INFERRED FROM", 1, 3, 1, first + k) for k in range(len(part))
        ] if nested == "reference" else []  # fmt: skip
        low, high = part.min(axis=0) - 20, part.max(axis=0) + 20
        box = [low, (high[0], low[1]), high, (low[0], high[1]), low]
        impression.append(
            finding(
                "CONTAINS", "cluster",
                *drawn(part.mean(axis=0), box, place),
                item("HAS PROPERTIES", "CODE", dcm("111009", "Calcification Type"),
                     ConceptCodeSequence=word("pleomorphic", legacy)),
                item("HAS PROPERTIES", "CODE", dcm("111008", "Calcification Distribution"),
                     ConceptCodeSequence=word("linear", legacy)),
                number("HAS PROPERTIES", dcm("111038", "Number of calcifications"), len(part), "1"),
                *(singles if nested in (True, "container") else referred),
            )
        )  # fmt: skip
        if nested in (False, "reference"):
            for one in singles:
                one.RelationshipType = "CONTAINS"
            impression += singles
    if nipple:
        impression.append(finding("CONTAINS", "nipple", *drawn((3000.0, 2100.0), None, (1, 2, 1))))
    root = item(
        None, "CONTAINER", dcm("111036", "Mammography CAD Report"),
        item("HAS CONCEPT MOD", "CODE", dcm("121049", "Language of Content Item and Descendants"),
             ConceptCodeSequence=coded("en", "RFC5646", "English")),
        item("CONTAINS", "CONTAINER", dcm("111028", "Image Library"), *library),
        item("CONTAINS", "CODE", dcm("111017", "CAD Processing and Findings Summary"),
             item("INFERRED FROM", "CONTAINER",
                  dcm("111034", "Individual Impression/Recommendation"), *impression),
             ConceptCodeSequence=dcm("111242", "All algorithms succeeded; with findings")),
        _summary("111064", "Summary of Detections", "111063", "Successful Detections",
                 item("CONTAINS", "CODE", dcm("111022", "Detection Performed"), *algorithm,
                      refer("HAS PROPERTIES", 1, 2, 1), ConceptCodeSequence=word("cluster", legacy))),
        item("CONTAINS", "CODE", dcm("111065", "Summary of Analyses"),
             ConceptCodeSequence=dcm("111225", "Not Attempted")),
    )  # fmt: skip
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "4000"
    root.ContentTemplateSequence = Sequence([template])
    return report(CAD_SR, root, images)


def _summary(value, meaning, below, below_meaning, child):
    return item(
        "CONTAINS", "CODE", dcm(value, meaning),
        item("INFERRED FROM", "CONTAINER", dcm(below, below_meaning), child),
        ConceptCodeSequence=dcm("111222", "Succeeded"),
    )  # fmt: skip


def _library_entry(kind, legacy, spacing, modifiers):
    acquired = "HAS ACQ CONTEXT"
    view = item(
        acquired, "CODE", dcm("111031", "Image View"),
        *(item("HAS CONCEPT MOD", "CODE", dcm("111032", "Image View Modifier"),
               ConceptCodeSequence=coded(*m)) for m in modifiers),
        ConceptCodeSequence=word("CC", legacy),
    )  # fmt: skip
    about = [
        item(acquired, "CODE", dcm("111027", "Image Laterality"), ConceptCodeSequence=word("left", legacy)),
        view,
        item(acquired, "TEXT", dcm("111044", "Patient Orientation Row"), TextValue="A"),
        item(acquired, "TEXT", dcm("111043", "Patient Orientation Column"), TextValue="R"),
    ]  # fmt: skip
    if spacing:
        micrometres = round(SPACING_MM * 1000, 6)
        about.append(number(acquired, dcm("111026", "Horizontal Pixel Spacing"), micrometres, "um"))
        about.append(number(acquired, dcm("111066", "Vertical Pixel Spacing"), micrometres, "um"))
    about.append(number(acquired, dcm("110910", "Pixel Data Rows"), N_ROWS, "{pixels}"))
    about.append(number(acquired, dcm("110911", "Pixel Data Columns"), N_COLUMNS, "{pixels}"))
    return image("CONTAINS", UIDS[kind], *about)


def tid1500(centres=None, *, cluster=True, point=True, spacing=True):
    """Return a measurement report: one group a calcification, point or polyline, and one per cluster."""
    centres = centres_px() if centres is None else np.asarray(centres, float)
    groups = []

    def group(name, finding, graphic, points, *children):
        region = drawing(
            dcm("111030", "Image Region"), graphic, points, image("SELECTED FROM", UIDS["image"]),
            relation="CONTAINS",
        )  # fmt: skip
        groups.append(
            item(
                "CONTAINS", "CONTAINER", dcm("125007", "Measurement Group"),
                item("HAS OBS CONTEXT", "TEXT", dcm("112039", "Tracking Identifier"), TextValue=name),
                item("CONTAINS", "CODE", dcm("121071", "Finding"), ConceptCodeSequence=word(finding)),
                region, *children,
            )
        )  # fmt: skip

    if cluster:
        low, high = centres.min(axis=0) - 20, centres.max(axis=0) + 20
        box = [low, (high[0], low[1]), high, (low[0], high[1]), low]
        distribution = item(
            "CONTAINS", "CODE", dcm("111008", "Calcification Distribution"),
            ConceptCodeSequence=word("linear"),
        )  # fmt: skip
        group("lesion A", "cluster", "POLYLINE", box, distribution)
    for k, centre in enumerate(centres):
        if point:
            group(f"calc {k}", "single", "POINT", centre)
        else:
            group(f"calc {k}", "single", "POLYLINE", outline_px(centre, k))
    library = item(
        "CONTAINS", "CONTAINER", dcm("126200", "Image Library Group"),
        _library_entry("image", False, spacing, ()),
    )  # fmt: skip
    root = item(
        None, "CONTAINER", dcm("126000", "Imaging Measurement Report"),
        item("CONTAINS", "CONTAINER", dcm("111028", "Image Library"), library),
        item("CONTAINS", "CONTAINER", dcm("126010", "Imaging Measurements"), *groups),
    )  # fmt: skip
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    root.ContentTemplateSequence = Sequence([template])
    return report(COMPREHENSIVE_SR, root)


def inbreast(rois=None) -> bytes:
    """Return an INbreast annotation: a cluster's ellipse, points and outlines in it, and a mass."""
    if rois is None:
        rois = [("Mass", outline_px((600, 800), 5) * 1.0)]
        centres = centres_px()
        angle = np.linspace(0, 2 * np.pi, 30, endpoint=False)
        middle = centres.mean(axis=0)
        ellipse = middle + np.column_stack([110 * np.cos(angle), 60 * np.sin(angle)])
        rois.append(("Cluster", ellipse))
        rois += [("Calcification", outline_px(c, k)[:-1]) for k, c in enumerate(centres[:4])]
        rois += [("Calcifications", c[None]) for c in centres[4:]]
        far = np.random.default_rng(1).normal((2800, 3000), 25, (6, 2))
        rois += [("Calcification", c[None]) for c in far]
        rois.append(("Calcification", np.array([[200.0, 300.0]])))
    described = []
    for number_of, (name, points) in enumerate(rois):
        x, y = np.asarray(points, float).T
        area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 * SPACING_MM**2 / 100
        described.append(
            {
                "Area": float(area), "Center": "(0.0, 0.0, 0.0)", "Dev": 1.0,
                "IndexInImage": number_of, "Max": 1.0, "Mean": 1.0, "Min": 1.0, "Name": name,
                "NumberOfPoints": len(points), "Total": 1.0, "Type": 15 if len(points) > 1 else 19,
                "Point_mm": [f"({a * SPACING_MM:f}, {b * SPACING_MM:f}, 0.000000)" for a, b in points],
                "Point_px": [f"({a:f}, {b:f})" for a, b in points],
            }
        )  # fmt: skip
    images = [{"ImageIndex": 0, "NumberOfROIs": len(described), "ROIs": described}]
    return plistlib.dumps({"Images": images})


def label_mask(shape=(700, 900), seed=2, n=9) -> np.ndarray:
    """Return a mask in which each label is one calcification: slanted ellipses, 8 to 20 pixels long."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    mask = np.zeros(shape, np.uint8)
    for label in range(1, n + 1):
        x, y = rng.uniform(350, 450), 60 * label + rng.uniform(0, 20)
        major, minor, angle = rng.uniform(6, 10), rng.uniform(3, 5), rng.uniform(0, np.pi)
        dx, dy = columns + 0.5 - x, rows + 0.5 - y
        along = dx * np.cos(angle) + dy * np.sin(angle)
        across = dy * np.cos(angle) - dx * np.sin(angle)
        mask[(along / major) ** 2 + (across / minor) ** 2 <= 1] = label
    return mask


def segmentation(mask=None, *, spacing=True, finding="cluster"):
    """Return a binary DICOM segmentation of one segment, a frame on the mammogram."""
    mask = label_mask() > 0 if mask is None else mask > 0
    ds = header("1.2.840.10008.5.1.4.1.1.66.4", "report", "report series")
    ds.Modality, ds.SegmentationType = "SEG", "BINARY"
    ds.ContentLabel, ds.ContentDate, ds.ContentTime = "CALC", "20240305", "101600"
    ds.NumberOfFrames, (ds.Rows, ds.Columns) = 1, mask.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    bits = np.packbits(mask.ravel(), bitorder="little").tobytes()
    ds.PixelData = bits + b"\0" * (len(bits) % 2)
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "calcifications"
    segment.SegmentAlgorithmType = "MANUAL"
    segment.SegmentedPropertyCategoryCodeSequence = coded(
        "49755003", "SCT", "Morphologically Abnormal Structure"
    )
    segment.SegmentedPropertyTypeCodeSequence = word(finding)
    ds.SegmentSequence = Sequence([segment])
    number_of, source, derivation, frame, shared = (Dataset() for _ in range(5))
    number_of.ReferencedSegmentNumber = 1
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = MAMMOGRAM, UIDS["image"]
    derivation.SourceImageSequence = Sequence([source])
    frame.SegmentIdentificationSequence = Sequence([number_of])
    frame.DerivationImageSequence = Sequence([derivation])
    ds.PerFrameFunctionalGroupsSequence = Sequence([frame])
    if spacing:
        measures = Dataset()
        measures.PixelSpacing = [SPACING_MM, SPACING_MM]
        measures.SliceThickness = 1
        shared.PixelMeasuresSequence = Sequence([measures])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    return ds


def mask_image(mask=None):
    """Return a mask of 0 and 255 as a Secondary Capture, as CBIS-DDSM stores masks."""
    mask = label_mask() > 0 if mask is None else mask > 0
    ds = header("1.2.840.10008.5.1.4.1.1.7", "report", "report series")
    ds.Modality, ds.ConversionType = "MG", "WSD"
    (ds.Rows, ds.Columns), ds.SamplesPerPixel = mask.shape, 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.NominalScannedPixelSpacing = [SPACING_MM, SPACING_MM]
    ds.PixelData = (np.uint8(255) * mask).tobytes()
    ds.compress(RLELossless, generate_instance_uid=False)
    return ds


def polygons(mask=None) -> list:
    """Return the outline (x, y) in pixels of each label of a mask."""
    from skimage.measure import find_contours

    mask = label_mask() if mask is None else mask
    return [
        find_contours(np.pad(mask == label, 1), 0.5)[0][:-1, ::-1] - 0.5
        for label in range(1, mask.max() + 1)
    ]


def coco(outlines=None) -> dict:
    """Return COCO annotations of one image: a polygon for each calcification, and a box of something else."""
    outlines = polygons() if outlines is None else outlines
    annotations = [
        {"id": k, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [np.ravel(outline).tolist()]}
        for k, outline in enumerate(outlines, start=1)
    ]  # fmt: skip
    annotations.append({"id": 90, "image_id": 1, "category_id": 2, "iscrowd": 0, "segmentation": [], "bbox": [20, 30, 200, 180]})  # fmt: skip
    return {
        "images": [{"id": 1, "file_name": "mammogram.png", "height": 700, "width": 900}],
        "categories": [{"id": 1, "name": "calcification"}, {"id": 2, "name": "mass"}],
        "annotations": annotations,
    }


def labelme(outlines=None) -> dict:
    """Return LabelMe annotations: a polygon for each calcification, and one around them all."""
    outlines = polygons() if outlines is None else outlines
    shapes = [("calcification", outline) for outline in outlines]
    shapes.append(("cluster", np.array([[300, 20], [500, 20], [500, 680], [300, 680]])))
    return {
        "version": "5.5.0", "flags": {}, "imagePath": "mammogram.png", "imageData": None,
        "imageHeight": 700, "imageWidth": 900,
        "shapes": [
            {"label": label, "points": points.tolist(), "shape_type": "polygon", "group_id": None, "flags": {}}
            for label, points in shapes
        ],
    }  # fmt: skip


def markups(outlines=None) -> dict:
    """Return a list of points of 3D Slicer, one in each calcification."""
    outlines = polygons() if outlines is None else outlines
    points = [
        {"id": str(k), "label": f"calcification-{k}", "position": [*((outline.mean(axis=0) - 0.5) * SPACING_MM), 0.0],
         "positionStatus": "defined"}
        for k, outline in enumerate(outlines, start=1)
    ]  # fmt: skip
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "labelFormat": "%N-%d", "controlPoints": points}  # fmt: skip
    return {"@schema": "markups-schema-v1.0.3.json#", "markups": [markup]}


def write_of_other_programs(folder, mask=None) -> None:
    """Write a mask as nnU-Net, COCO, LabelMe, ImageJ, 3D Slicer and others would."""
    import nibabel
    import openpyxl
    import roifile
    import tifffile
    from scipy.ndimage import gaussian_filter

    mask = label_mask() if mask is None else mask
    outlines = polygons(mask)
    image = nibabel.Nifti1Image(
        (mask > 0).astype(np.uint8).T[..., None], np.diag([-SPACING_MM, -SPACING_MM, 1, 1])
    )
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / "nnunet.nii.gz")
    smooth = gaussian_filter((mask > 0).astype(np.float32), 1.5).round(2)
    tifffile.imwrite(folder / "probabilities.tif", smooth, compression="zlib")
    for name, content in {
        "coco.json": coco(outlines),
        "labelme.json": labelme(outlines),
        "slicer.mrk.json": markups(outlines),
    }.items():
        (folder / name).write_text(json.dumps(content))
    rois = [roifile.ImagejRoi.frompoints(o.astype(np.float32), name=f"calcification-{k}") for k, o in enumerate(outlines)]  # fmt: skip
    (folder / "RoiSet.zip").unlink(missing_ok=True)
    roifile.roiwrite(folder / "RoiSet.zip", rois)
    book = openpyxl.Workbook()
    book.active.append(["cluster_id", "x_mm", "y_mm"])
    for outline in outlines:
        book.active.append(["A7", *(outline.mean(axis=0) * SPACING_MM).round(4).tolist()])
    book.save(folder / "marks.xlsx")
    save(mask_image(mask), folder / "mask_secondary_capture.dcm")


def save(dataset, path):
    dataset.save_as(path, enforce_file_format=True)
    return path


def main() -> None:
    """Write the examples."""
    import tifffile
    from PIL import Image

    save(cad_sr(), HERE / "mammography_cad_sr.dcm")
    save(tid1500(), HERE / "tid1500.dcm")
    save(mammogram(), HERE / "mammogram_header.dcm")
    save(segmentation(), HERE / "segmentation.dcm")
    (HERE / "inbreast.xml").write_bytes(inbreast())
    mask = label_mask()
    Image.fromarray(mask).save(HERE / "labels.png")
    tifffile.imwrite(HERE / "labels.tif", mask, compression="zlib")
    np.savez_compressed(HERE / "labels.npz", mask=mask)
    write_of_other_programs(HERE, mask)


if __name__ == "__main__":
    main()
