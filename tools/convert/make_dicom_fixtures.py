"""Writes test/unit/volume/fixtures/encoded.json: small DICOM files in compressions that the sample files lack.

    python tools/convert/make_dicom_fixtures.py

Needs pydicom with pylibjpeg-libjpeg, and DCMTK's dcmcjpeg, dcmcjpls and dcmcrle (Debian: dcmtk). Each entry has the
file in base64, and the values that pydicom decodes from it (colours as RGB), little-endian, also in base64.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

OUT = Path(__file__).resolve().parents[2] / "test" / "unit" / "volume" / "fixtures" / "encoded.json"
ROWS, COLUMNS = 13, 19

CASES = {
    **{f"lossless-predictor-{p}": ("dcmcjpeg", ["+el", "+sv", str(p)], "u16") for p in range(1, 8)},
    "lossless-signed": ("dcmcjpeg", ["+e1"], "i16"),
    "lossless-8": ("dcmcjpeg", ["+e1"], "u8"),
    "lossless-colour": ("dcmcjpeg", ["+e1"], "rgb"),
    "extended-12": ("dcmcjpeg", ["+ee", "+q", "95"], "u12"),
    "baseline-8": ("dcmcjpeg", ["+eb", "+q", "95"], "u8"),
    "baseline-colour": ("dcmcjpeg", ["+eb", "+q", "95"], "rgb"),
    "baseline-kept-rgb": ("dcmcjpeg", ["+eb", "+q", "95", "+cr"], "rgb"),
    "jpeg-ls-colour": ("dcmcjpls", [], "rgb"),
    "jpeg-ls-colour-planes": ("dcmcjpls", ["+in"], "rgb"),
    "jpeg-ls-near": ("dcmcjpls", ["+en"], "u12"),
    "jpeg-ls-fragments": ("dcmcjpls", ["+fs", "1"], "frames"),
    "jpeg-ls-fragments-no-table": ("dcmcjpls", ["+fs", "1", "-ot"], "frames"),
    "rle-frames": ("dcmcrle", [], "frames"),
    "rle-signed": ("dcmcrle", [], "i16"),
}


def picture(kind: str) -> np.ndarray:
    """Shades with noise over the whole range of the kind."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    shade = (x / COLUMNS + y / ROWS) / 2 + rng.normal(0, 0.05, (ROWS, COLUMNS))
    unit = np.clip(shade, 0, 1)
    if kind == "rgb":
        return (np.stack([unit, 1 - unit, np.roll(unit, 5, 1)], -1) * 255).astype(np.uint8)
    if kind == "frames":
        large = np.tile(unit, (2, 2)) + rng.normal(0, 0.1, (2 * ROWS, 2 * COLUMNS))
        return (np.clip(np.stack([large, 1 - large]), 0, 1) * 4095).astype(np.uint16)
    most = {"u8": 255, "u12": 4095, "u16": 65535, "i16": 65535}[kind]
    values = (unit * most).round()
    return (values - 32768).astype(np.int16) if kind == "i16" else values.astype(np.uint8 if kind == "u8" else np.uint16)


def write(path: Path, array: np.ndarray, bits: int) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID = data.StudyInstanceUID = generate_uid(entropy_srcs=["series"])
    data.Modality = "OT"
    colour = array.shape[-1] == 3
    data.Rows, data.Columns = array.shape[:2] if colour else array.shape[-2:]
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    elif array.ndim == 3:
        data.NumberOfFrames = array.shape[0]
    data.BitsAllocated = array.itemsize * 8
    data.BitsStored, data.HighBit = bits, bits - 1
    data.PixelRepresentation = int(array.dtype.kind == "i")
    data.PixelData = array.tobytes() + b"\0" * (array.nbytes % 2)
    data["PixelData"].VR = "OW" if array.itemsize > 1 else "OB"
    data.save_as(path, enforce_file_format=True)


def main() -> None:
    entries = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (tool, options, kind) in CASES.items():
            plain, packed = Path(folder) / f"{name}.plain", Path(folder) / f"{name}.dcm"
            bits = {"u8": 8, "rgb": 8, "u12": 12, "frames": 12}.get(kind, 16)
            write(plain, picture(kind), bits)
            subprocess.run([tool, *options, plain, packed], check=True)
            data = pydicom.dcmread(packed)
            values = data.pixel_array  # colours as RGB
            entries[name] = {
                "dtype": values.dtype.name,
                "file": base64.b64encode(packed.read_bytes()).decode(),
                "values": base64.b64encode(np.ascontiguousarray(values).tobytes()).decode(),
            }
            print(name, data.file_meta.TransferSyntaxUID, data.PhotometricInterpretation, packed.stat().st_size)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
