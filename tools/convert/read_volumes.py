"""Reads medical images with pydicom and nibabel, for test/parity/live/volumes.test.ts.

    python tools/convert/read_volumes.py OUT FILE...

Writes OUT/volumes.json: for each file what the libraries say of it, with the SHA-256 of its stored values (last axis
fastest, little-endian), and those values as OUT/NAME.bin. Of DICOM images colours are RGB. Needs pydicom with
pylibjpeg-libjpeg and pylibjpeg-openjpeg, and nibabel.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, convert_color_space, get_decoder
from pydicom.uid import ImplicitVRLittleEndian


def dicom(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    dataset = pydicom.dcmread(path, force=True)  # also without a preamble
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    try:
        # By path pydicom's reader of pixels does not know deflated files.
        array = dataset.pixel_array
    except AttributeError:
        dataset = pydicom.dcmread(path.open("rb"))
        array = dataset.pixel_array
    facts: dict[str, Any] = {
        "spacing": [float(value) for value in dataset.get("PixelSpacing", [])],
        "scaling": [float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))],
    }
    photometric = dataset.PhotometricInterpretation
    if photometric.startswith("YBR"):
        # What the decoder has made of it, which is RGB for JPEG 2000.
        decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
        array, meta = decoder.as_array(dataset, raw=True)
        if meta["photometric_interpretation"].startswith("YBR"):
            array = convert_color_space(array, "YBR_FULL", "RGB", per_frame=array.ndim == 4)
    if photometric == "PALETTE COLOR":
        colours = (apply_color_lut(array, dataset) >> 8).astype(np.uint8)
        facts["colours"] = hashlib.sha256(colours.tobytes()).hexdigest()
    return facts, array


def nifti(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    image = nibabel.load(path)
    stored = np.asarray(image.dataobj.get_unscaled())
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    facts = {
        "spacing": [float(value) for value in image.header.get_zooms()],
        "axes": "".join(nibabel.aff2axcodes(image.affine)),
        "affine": image.affine[:3].tolist(),
        "scaling": [float(slope), float(intercept)],
    }
    # nibabel's first axis is the fastest.
    return facts, stored.T


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    volumes = {}
    for path in map(Path, sys.argv[2:]):
        facts, array = nifti(path) if ".nii" in path.name else dicom(path)
        array = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
        (out / f"{path.name}.bin").write_bytes(array.tobytes())
        volumes[path.name] = {
            **facts,
            "shape": array.shape,
            "dtype": array.dtype.name,
            "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
        }
    (out / "volumes.json").write_text(json.dumps(volumes, indent=1))


if __name__ == "__main__":
    main()
