"""Masks and images: many parts, labels of wide boxes, absurd sizes; mammograms that are hard to detect in."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from attack.examples import from_tests, saved
from attack.inputs import SPACING, Input
from attack.inputs.annotations import coco


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def npy_header(shape: tuple[int, ...], kind: str = "|u1") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def nifti(shape: tuple[int, ...], code: int = 2, slope: float = 1) -> bytes:
    import nibabel

    header = nibabel.Nifti1Header()
    header.set_data_dtype(code)
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    header["pixdim"] = [1, 0.07, 0.07, *[1] * 5]
    header["xyzt_units"], header["vox_offset"], header["magic"] = 2, 352, b"n+1"
    header["scl_slope"], header["scl_inter"] = slope, 0
    return header.binaryblock + bytes(4)


def png(array: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", compress_level=1)
    return out.getvalue()


def tiff(array: Any, **options: Any) -> bytes:
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, array, **options)
    return out.getvalue()


SHAPE = (8_000, 5_000)


def opposite_corners(n_labels: int = 4_000) -> Any:
    """Return a mask in which each label has a pixel near two opposite corners: its box is the image."""
    mask = np.zeros(SHAPE, np.uint16)
    side = 2 * int(np.ceil(np.sqrt(n_labels)))
    rows, columns = (
        2 * (np.arange(n_labels) // (side // 2)),
        2 * (np.arange(n_labels) % (side // 2)),
    )
    mask[rows, columns] = mask[-1 - rows, -1 - columns] = np.arange(1, n_labels + 1)
    return mask


def parts(shape: tuple[int, int] = SHAPE, step: int = 2) -> Any:
    mask = np.zeros(shape, np.uint8)
    mask[::step, ::step] = 1
    return mask


def noise(kind: Any, shape: tuple[int, int] = SHAPE) -> Any:
    rng = np.random.default_rng(0)
    return rng.random(shape).astype(kind) if np.dtype(kind).kind == "f" else rng.integers(0, 256, shape).astype(kind)  # fmt: skip


def comb(shape: tuple[int, int] = SHAPE) -> Any:
    """Return a mask of one part, a comb whose teeth are joined at the last row only."""
    mask = np.zeros(shape, np.uint8)
    mask[:, ::2], mask[-1] = 1, 1
    return mask


def spiral(n: int = 2_000) -> Any:
    """Return one line, wound up: the part that takes longest to follow."""
    mask = np.zeros((n, n), np.uint8)
    for k in range(0, n // 2, 4):
        mask[k, k : n - k] = mask[n - 1 - k, k : n - k] = 1
        mask[k : n - k, n - 1 - k] = mask[k + 4 : n - k, k] = 1
        if k + 4 < n // 2:
            mask[k + 4, k : k + 5] = 1
    return mask


def absurd_png(width: int = 2**31 - 1, height: int = 2**31 - 1) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # fmt: skip

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # fmt: skip

    head = struct.pack(">IIBBBBB", 9, 9, 8, 0, 0, 0, 0)
    text = b"a\0\0" + zlib.compress(bytes(1 << 30), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"zTXt", text) + chunk(b"iCCP", text)
            + chunk(b"IDAT", zlib.compress(bytes(90))) + chunk(b"IEND", b""))  # fmt: skip


def absurd_tiff(tags: dict[int, tuple[int, int, int]], data: bytes = bytes(64)) -> bytes:
    """Return a TIFF of these tags: number -> type, count, value."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)  # fmt: skip


def tiff_tags(width: int, height: int, **more: Any) -> dict[int, tuple[int, int, int]]:
    return {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1),
            273: (4, 1, 8), 277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, 64)}  # fmt: skip


def tiff_many_pages(n: int = 200_000) -> bytes:
    """Return a TIFF of so many pages, each of 18 bytes."""
    out = [b"II*\0", struct.pack("<I", 8)]
    for k in range(n):
        at = 8 + 18 * (k + 1)
        out.append(struct.pack("<HHHIII", 1, 256, 4, 1, 9, at if k < n - 1 else 0))
    return b"".join(out)


def tiff_loop() -> bytes:
    return absurd_tiff(tiff_tags(8, 8))[:-4] + struct.pack("<I", 72)


def inflating_tiff() -> bytes:
    data = zlib.compress(bytes(1 << 30), 9)
    tags = tiff_tags(4_000, 5_000) | {259: (3, 1, 8), 279: (4, 1, len(data))}
    return absurd_tiff(tags, data)


def lzw_tiff(array: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(array).save(out, "TIFF", compression="tiff_lzw")
    return out.getvalue()


def lzw_tile(side: int = 40_000) -> bytes:
    """Return a TIFF in LZW whose one tile is far larger than the image."""
    tile = {322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, 8), 325: (4, 1, 64)}
    tags = tiff_tags(4_000, 5_000) | {259: (3, 1, 5)} | tile
    return absurd_tiff({tag: value for tag, value in tags.items() if tag not in (273, 278, 279)})


def jpeg_tiff(compression: int) -> bytes:
    """Return a TIFF of another compression, whose strip says that it is of 65,500 x 65,500 pixels."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (64, 64)).save(out, "JPEG")
    data = bytearray(out.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    tags = tiff_tags(4_000, 5_000) | {259: (3, 1, compression), 279: (4, 1, len(data))}
    return absurd_tiff(tags, bytes(data))


MASKS = [
    Input("labels at opposite corners", lambda: npy(opposite_corners()), SPACING),
    Input("60,000 labels at opposite corners", lambda: npy(opposite_corners(60_000)), SPACING),
    Input("labels at opposite corners, TIFF", lambda: tiff(opposite_corners(), compression="zlib"), SPACING),
    Input("14.8 million parts", lambda: npy(parts((7_694, 7_694))), SPACING),
    Input("10 million parts", lambda: npy(parts()), SPACING),
    Input("10 million parts, PNG", lambda: png(parts()), SPACING),
    Input("noise", lambda: npy(noise(np.uint8)), SPACING),
    Input("noise of floats", lambda: npy(noise(np.float64)), SPACING),
    Input("noise of 40 million labels", lambda: npy(np.arange(40_000_000, dtype=np.uint32).reshape(SHAPE)), SPACING),
    Input("one part of all pixels", lambda: npy(np.ones(SHAPE, np.uint8)), SPACING),
    Input("a comb", lambda: npy(comb()), SPACING),
    Input("a spiral", lambda: npy(spiral()), SPACING),
    Input("a spiral, probabilities", lambda: npy(spiral().astype(np.float32) * 0.75), SPACING),
    Input("NIfTI of 10 million parts", lambda: nifti((5_000, 8_000)) + parts().T.tobytes()),
    Input("a segmentation of 10 million parts", lambda: saved(from_tests("data/make_examples").segmentation(parts()))),
    Input("a mask image of 10 million parts", lambda: saved(from_tests("data/make_examples").mask_image(parts()))),
    Input("a COCO mask of 20,000,000 pixels", lambda: coco([{"size": [5000, 4000], "counts": [0, 20_000_000]}]), SPACING),
    Input("COCO masks at opposite corners", lambda: coco([{"size": [5000, 4000], "counts": [0, 1, 19_999_998, 1]}] * 4_000), SPACING),
    Input("a COCO mask of a million runs", lambda: coco([{"size": [5000, 4000], "counts": [1, 1] * 10_000_000}][:1])[:60_000_000], SPACING),
]  # fmt: skip
IMAGES = [
    Input("PNG of 2^31 x 2^31", absurd_png, SPACING),
    Input("PNG of 60,000 x 60,000", partial(absurd_png, 60_000, 60_000), SPACING),
    Input("PNG with a gigabyte of text", png_text_bomb, SPACING),
    Input("TIFF of 2^32 x 2^32", lambda: absurd_tiff(tiff_tags(2**32 - 1, 2**32 - 1)), SPACING),
    Input("TIFF of 4,000 x 5,000 without data", lambda: absurd_tiff(tiff_tags(4_000, 5_000)), SPACING),
    Input("TIFF of 2^32 strips", lambda: absurd_tiff(tiff_tags(4_000, 5_000) | {273: (4, 2**32 - 1, 8), 279: (4, 2**32 - 1, 8)}), SPACING),
    Input("TIFF of 2^32 samples", lambda: absurd_tiff(tiff_tags(9, 9) | {277: (4, 1, 2**32 - 1)}), SPACING),
    Input("TIFF of tiles of 2^31", lambda: absurd_tiff(tiff_tags(4_000, 5_000) | {322: (4, 1, 2**31), 323: (4, 1, 2**31), 324: (4, 1, 8), 325: (4, 1, 64)}), SPACING),
    Input("TIFF of 200,000 pages", tiff_many_pages, SPACING),
    Input("TIFF of pages in a circle", tiff_loop, SPACING),
    Input("TIFF that inflates to a gigabyte", inflating_tiff, SPACING),
    *(Input(f"TIFF of JPEG {c} of absurd size", partial(jpeg_tiff, c), SPACING) for c in (6, 7)),
    Input("TIFF in LZW", lambda: lzw_tiff(parts()), SPACING),
    Input("TIFF of a tile of 40,000 x 40,000 in LZW", lzw_tile, SPACING),
    Input("NIfTI of 40 million scaled numbers", lambda: gzip.compress(nifti((5_000, 8_000), 4, slope=0.001) + bytes(80_000_000), 1)),
    Input("npy of 2^40 values", lambda: npy_header((2**20, 2**20)), SPACING),
    Input("npy of 4,000 x 5,000 without data", lambda: npy_header((4_000, 5_000)), SPACING),
    Input("npy of a header 60,000 deep", lambda: b"\x93NUMPY\1\0\xff\xff" + b"(" * 65_534 + b"\n", SPACING),
    Input("npy of an item of 2 GB", lambda: npy_header((1, 1), "|V2000000000"), SPACING),
    Input("NIfTI of 30,000^7", lambda: nifti((30_000,) * 7), SPACING),
    Input("NIfTI of -1", lambda: nifti((-1, -1)), SPACING),
    Input("NIfTI of complex numbers", lambda: nifti((4_000, 5_000), 1792), SPACING),
]  # fmt: skip


FULL_FIELD = (5_000, 4_000)


def dots(step: int = 6) -> Any:
    """Return an image of half a million bright spots."""
    image = noise(np.uint16, FULL_FIELD) // 16 + 1000
    image[::step, ::step] += 2000
    image[1::step, ::step] += 2000
    return image


def pictured(make: Callable[[], Any]) -> bytes:
    return saved(from_tests("mammography").dataset(make(), ImagerPixelSpacing=[0.05, 0.05]))


PICTURES = [
    Input(name, partial(pictured, make), entrances=("detect", "detector", "page", "HTTP"))
    for name, make in {
        "noise": lambda: noise(np.uint16, FULL_FIELD) * 10,
        "half a million spots": dots,
        "a checkerboard": lambda: (np.indices(FULL_FIELD).sum(0) % 2 * 3000).astype(np.uint16),
        "one grey value": lambda: np.full(FULL_FIELD, 1000, np.uint16),
        "a gradient": lambda: np.broadcast_to(np.arange(4_000, dtype=np.uint16), FULL_FIELD).copy(),
        "few rows": lambda: noise(np.uint16, (64, 60_000)),
    }.items()
]
