"""A small mammogram with calcifications, and DICOM files of it in every transfer syntax."""

from __future__ import annotations

import struct

import numpy as np
from scipy.ndimage import gaussian_filter

NAME, PATIENT = "Planted^Name", "ID-4711-SECRET"
MG, MG_RAW, CR = (
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.1",
)
SC, CT = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.2"
UID = "1.2.826.0.1.3680043.9.7133.1.1"

SPOTS = ((200, 150), (225, 170), (180, 175), (215, 200), (240, 160), (195, 195), (230, 215))
"""Row and column of the calcifications, each a square of four pixels."""


def breast(rows=400, columns=320, *, seed=0, spots=SPOTS):
    """Return grey values of a breast that lies against the left edge, air being 0."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    inside = ((y - rows / 2) / (0.47 * rows)) ** 2 + (x / (0.85 * columns)) ** 2 < 1
    tissue = 1400 + 200 * gaussian_filter(rng.normal(size=(rows, columns)), 25) * 25
    for row, column in spots:
        tissue[row : row + 4, column : column + 4] += 500
    tissue = gaussian_filter(tissue, 0.6) + rng.normal(0, 12, tissue.shape)
    return np.where(inside, tissue, 0).clip(0, 4000).astype(np.uint16)


def dataset(pixels=None, *, class_uid=MG, **attributes):
    """Return an image of a mammogram for presentation as a DICOM dataset; None removes an attribute."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    pixels = breast() if pixels is None else pixels
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    bits = 8 * pixels.dtype.itemsize
    values = {
        "SOPClassUID": class_uid,
        "SOPInstanceUID": UID,
        "StudyInstanceUID": "1.2.826.0.1.3680043.9.7133.2",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.9.7133.3",
        "PatientName": NAME,
        "PatientID": PATIENT,
        "PatientBirthDate": "19610203",
        "PatientSex": "F",
        "StudyDate": "20240102",
        "StudyTime": "101112",
        "Modality": "MG",
        "BodyPartExamined": "BREAST",
        "PresentationIntentType": "FOR PRESENTATION",
        "ImageLaterality": "L",
        "ViewPosition": "CC",
        "ImagerPixelSpacing": [0.07, 0.07],
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": 12 if bits == 16 else bits,
        "HighBit": 11 if bits == 16 else bits - 1,
        "PixelRepresentation": 0,
    } | attributes
    for name, value in values.items():
        if value is not None:
            setattr(made, name, value)
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OW"
    return made


def save(path, pixels=None, **attributes):
    """Write a DICOM file and return its path."""
    made = dataset(pixels, **attributes)
    made.save_as(path, enforce_file_format=True)
    return path


def save_compressed(path, syntax, frame=None, pixels=None, **attributes):
    """Write a file whose one frame is compressed: by pydicom, or `frame` as it is."""
    from pydicom import uid
    from pydicom.encaps import encapsulate

    made = dataset(pixels, **attributes)
    if frame is None:
        made.compress(uid.UID(syntax), generate_instance_uid=False)
    else:
        made.PixelData = encapsulate([frame])
        made["PixelData"].VR = "OB"
        made["PixelData"].is_undefined_length = True
        made.file_meta.TransferSyntaxUID = uid.UID(syntax)
    made.save_as(path, enforce_file_format=True)
    return path


def lossless_jpeg(pixels):
    """Return pixels as JPEG Lossless, first-order prediction (process 14, ITU-T T.81, annex H): a slow encoder."""
    bits = 16
    flat = pixels.astype(np.int64)
    left = np.empty_like(flat)
    left[:, 1:] = flat[:, :-1]
    left[1:, 0] = flat[:-1, 0]
    left[0, 0] = 1 << (bits - 1)
    steps = (flat - left).ravel()
    steps = (steps + (1 << 15)) % (1 << 16) - (1 << 15)
    sizes = [abs(int(step)).bit_length() for step in steps]
    # each of 17 categories has a code of five bits: 00000 to 10000
    code = b"".join(
        f"{size:05b}".encode()
        + (
            f"{step if step > 0 else step + (1 << size) - 1:0{size}b}".encode()
            if size and size < 16
            else b""
        )
        for step, size in zip(steps.tolist(), sizes, strict=True)
    )
    code += b"1" * (-len(code) % 8)
    packed = int(code, 2).to_bytes(len(code) // 8, "big").replace(b"\xff", b"\xff\0")
    rows, columns = pixels.shape
    counts = [0, 0, 0, 0, 17, *[0] * 11]
    return b"".join([
        b"\xff\xd8",
        b"\xff\xc3" + struct.pack(">HBHHBBBB", 11, bits, rows, columns, 1, 1, 0x11, 0),
        b"\xff\xc4" + struct.pack(">HB", 2 + 17 + 17, 0) + bytes(counts) + bytes(range(17)),
        b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0),
        packed,
        b"\xff\xd9",
    ])  # fmt: skip
