"""Writes NRRD and MetaImage files with SimpleITK and pynrrd, and says what SimpleITK reads of files.

    python tools/convert/itk_volumes.py make OUT
    python tools/convert/itk_volumes.py read OUT FILE...

For test/parity/live/itkVolumes.test.ts. `make` writes files of many kinds to OUT; both write OUT/volumes.json: for each file
SimpleITK's sizes, its kind of numbers, its affine in NIfTI's axes, and the SHA-256 of its values (last axis fastest,
little-endian); for segmentations pynrrd's header besides. Needs SimpleITK and pynrrd.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import SimpleITK as sitk

# A turn about two axes, so that no row or column of the matrix is another's.
DIRECTION = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
KINDS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")


def image_of(array: np.ndarray, vector: bool = False) -> sitk.Image:
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-11.5, 20.25, 33))
    image.SetDirection(DIRECTION)
    return image


def make(out: Path) -> list[Path]:
    rng = np.random.default_rng(7)
    files = []

    def write(name: str, image: sitk.Image, compress: bool) -> None:
        sitk.WriteImage(image, str(out / name), compress)
        files.append(out / name)

    for kind in KINDS:
        array = (100 * rng.normal(size=(4, 5, 6))).astype(kind)
        for ending in ("nrrd", "mha"):
            for compress in (False, True):
                write(f"{kind}_{'packed' if compress else 'raw'}.{ending}", image_of(array), compress)
    array = rng.integers(-500, 500, size=(4, 5, 6)).astype(np.int16)
    for ending in ("nhdr", "mhd"):
        for compress in (False, True):
            write(f"beside_{'packed' if compress else 'raw'}.{ending}", image_of(array), compress)
    colours = rng.integers(0, 255, size=(4, 5, 6, 3)).astype(np.uint8)
    for ending in ("nrrd", "mha"):
        write(f"colours.{ending}", image_of(colours, vector=True), True)

    spaced = {
        "space directions": np.array([[0.7, 0.1, 0], [0, 0.8, 0.2], [0.3, 0, 2.5]]),
        "space origin": np.array([1.0, 2.0, 3.0]),
    }
    # Of left-anterior-superior ITK turns the axis to the left instead of the one to the front; 3D Slicer does not.
    for space in ("left-posterior-superior", "right-anterior-superior", "RAS"):
        path = out / f"pynrrd_{space}.nrrd"
        nrrd.write(str(path), array.T, {"space": space, **spaced})
        files.append(path)
    for encoding in ("raw", "gzip", "ascii"):
        path = out / f"pynrrd_{encoding}.nhdr"
        nrrd.write(str(path), array.T, {"space": "LPS", "encoding": encoding, **spaced}, detached_header=True)
        files.append(path)
    path = out / "pynrrd_big.nrrd"
    nrrd.write(str(path), array.T.astype(">i2"), {"space": "LPS", "endian": "big", "encoding": "raw", **spaced})
    files.append(path)
    return files


def facts(path: Path) -> dict[str, Any]:
    image = sitk.ReadImage(str(path))
    array = np.ascontiguousarray(sitk.GetArrayFromImage(image))
    dimension = image.GetDimension()
    columns = np.array(image.GetDirection()).reshape(dimension, dimension) * np.array(image.GetSpacing())
    affine = np.column_stack([columns, image.GetOrigin()])
    affine[:2] *= -1  # from DICOM's axes to NIfTI's
    answer = {
        "shape": array.shape,
        "dtype": array.dtype.name,
        "affine": affine.tolist() if dimension == 3 else None,
        "sha256": hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest(),
    }
    if path.name.endswith(".seg.nrrd"):
        _, header = nrrd.read(str(path))
        answer["header"] = {key: str(value) for key, value in header.items() if key.startswith("Segment")}
    return answer


def main() -> None:
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    files = make(out) if sys.argv[1] == "make" else list(map(Path, sys.argv[3:]))
    (out / "volumes.json").write_text(json.dumps({path.name: facts(path) for path in files}, indent=1))


if __name__ == "__main__":
    main()
