"""Writes TIFFs of all kinds with tifffile, for test/parity/live/tiff.test.ts, and says what tifffile reads from them.

    python tools/convert/tiff_sweep.py OUT

OUT/tiffs.json has for each file its size and the SHA-256 of its values: 8 and 16-bit unsigned ones as they are, all others
as float32. Needs tifffile with imagecodecs.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import tifffile

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(3)
HEIGHT, WIDTH = 37, 53
KINDS = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "?"]
COMPRESSIONS = [None, "lzw", "zlib", "packbits", "zstd"]
LAYOUTS = [{}, {"rowsperstrip": 10}, {"tile": (16, 32)}]


def values(kind: str, channels: int) -> np.ndarray:
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    dtype = np.dtype(kind)
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    if dtype.kind == "f":
        return rng.normal(0, 500, shape).astype(dtype)
    # Neighbours are often equal, so that compressions have something to do.
    top = min(np.iinfo(dtype).max, 2**40)
    low = max(np.iinfo(dtype).min, -(2**40))
    return np.where(rng.random(shape) < 0.7, 7, rng.integers(low, top, shape, endpoint=True)).astype(dtype)


def read(path: Path) -> dict[str, object]:
    page = tifffile.TiffFile(path).pages[0]
    array = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    if array.dtype.kind == "b":  # an image of one bit, whose low values tifffile has marked as bright
        array = np.where(array, 0, 255).astype(np.uint8)
    elif array.dtype.kind != "u" or array.dtype.itemsize > 2:
        array = array.astype(np.float32)
    native = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return {"shape": list(array.shape), "sha256": hashlib.sha256(native.tobytes()).hexdigest()}


def predictors(kind: str, compression: str | None) -> list[int]:
    if compression is None or kind == "?":
        return [1]
    return [1, 3] if np.dtype(kind).kind == "f" else [1, 2]


files = {}


def save(name: str, array: np.ndarray, **options: object) -> None:
    path = out / f"{name}.tif"
    tifffile.imwrite(path, array, **options)
    files[path.name] = read(path)


for order, kind, compression, (n, layout), channels in itertools.product(
    "<>", KINDS, COMPRESSIONS, enumerate(LAYOUTS), [1, 3]
):
    if kind == "?" and (compression is not None or channels == 3 or "tile" in layout):
        continue
    for predictor in predictors(kind, compression):
        planes = channels == 3 and n != 1
        array = values(kind, channels)
        save(
            f"{'be' if order == '>' else 'le'}_{kind.replace('?', 'bool')}_{compression}_{predictor}_{n}_{channels}",
            np.moveaxis(array, -1, 0) if planes else array,
            byteorder=order,
            compression=compression,
            **({"predictor": predictor} if predictor > 1 else {}),
            photometric="rgb" if channels == 3 else None if kind == "?" else "minisblack",
            planarconfig="separate" if planes else None,
            bigtiff=n == 2,
            metadata=None,
            **layout,
        )

for bits, order in itertools.product([10, 12, 14], "<>"):
    array = rng.integers(0, 2**bits, (HEIGHT, WIDTH)).astype(np.uint16)
    save(f"bits{bits}_{'be' if order == '>' else 'le'}", array, bitspersample=bits, byteorder=order, metadata=None)

y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
smooth = np.stack([127 + 120 * np.sin(x / (9 + k) + k) * np.cos(y / 8) for k in range(3)], -1).astype(np.uint8)
for n, layout in enumerate([{}, {"rowsperstrip": 16}, {"tile": (16, 32)}]):
    for subsampling in [(1, 1), (2, 1), (2, 2)]:
        save(
            f"jpeg_colour_{subsampling[0]}{subsampling[1]}_{n}",
            smooth,
            compression="jpeg",
            photometric="rgb",
            subsampling=subsampling,
            metadata=None,
            **layout,
        )
    save(f"jpeg_rgb_{n}", smooth, compression="jpeg", compressionargs={"outcolorspace": "rgb"}, photometric="rgb", metadata=None, **layout)
    save(f"jpeg_grey_{n}", smooth[..., 0], compression="jpeg", metadata=None, **layout)

(out / "tiffs.json").write_text(json.dumps(files))
