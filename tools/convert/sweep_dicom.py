"""Writes DICOM files of every codec, depth, sign and layout of fragments, for test/parity/live/codecs.test.ts.

    python tools/convert/sweep_dicom.py OUT

The samples reach both ends of their range. Needs pydicom with pylibjpeg-openjpeg and pyjpegls.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from openjpeg.utils import encode_array
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, MRImageStorage, RLELossless

ROWS, COLUMNS = 40, 44
DEPTHS = [(8, 2), (8, 5), (8, 7), (8, 8), (16, 8), (16, 9), (16, 10), (16, 12), (16, 15), (16, 16)]
CODECS = {"raw": ExplicitVRLittleEndian, "j2k": JPEG2000Lossless, "jls": JPEGLSLossless, "rle": RLELossless}
# Frames, and fragments of each.
LAYOUTS = [(1, 1), (1, 3), (3, 1), (3, 2)]


def frames_of(count: int, allocated: int, stored: int, signed: bool, samples: int) -> np.ndarray:
    rng = np.random.default_rng(stored)
    low = -(2 ** (stored - 1)) if signed else 0
    shape = (count, ROWS, COLUMNS) + ((3,) if samples == 3 else ())
    values = rng.integers(low, low + 2**stored, shape)
    values[:, 0, :2] = np.array([low, low + 2**stored - 1]).reshape((2,) + (1,) * (values.ndim - 3))
    return values.astype(f"{'i' if signed else 'u'}{allocated // 8}")


def encoded(codec: str, frame: np.ndarray, data: FileDataset) -> bytes:
    if codec == "j2k":
        return encode_array(frame, bits_stored=data.BitsStored, photometric_interpretation=int(frame.ndim == 3), use_mct=False)
    encoder = get_encoder(CODECS[codec])
    plugin = {"jls": "pyjpegls", "rle": "pydicom"}[codec]
    options = {
        "rows": data.Rows,
        "columns": data.Columns,
        "samples_per_pixel": data.SamplesPerPixel,
        "bits_allocated": data.BitsAllocated,
        "bits_stored": data.BitsStored,
        "pixel_representation": data.PixelRepresentation,
        "photometric_interpretation": data.PhotometricInterpretation,
        "number_of_frames": 1,
        **({"planar_configuration": 0} if frame.ndim == 3 else {}),
    }
    return encoder.encode(frame, encoding_plugin=plugin, **options)


def write(path: Path, codec: str, frames: np.ndarray, stored: int, fragments: int) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, "1.2.3"
    meta.TransferSyntaxUID = CODECS[codec]
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.SeriesInstanceUID = MRImageStorage, "1.2.3", "1.2.4"
    colour = frames.ndim == 4
    data.Rows, data.Columns = ROWS, COLUMNS
    data.SamplesPerPixel, data.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        data.PlanarConfiguration = 0
    if len(frames) > 1:
        data.NumberOfFrames = len(frames)
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * frames.itemsize, stored, stored - 1
    data.PixelRepresentation = int(frames.dtype.kind == "i")
    if codec == "raw":
        data.PixelData = frames.tobytes()
    else:
        data.PixelData = encapsulate([encoded(codec, frame, data) for frame in frames], fragments_per_frame=fragments)
    data["PixelData"].VR = "OB" if codec != "raw" or frames.itemsize == 1 else "OW"
    data.save_as(path, enforce_file_format=True)


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for codec in CODECS:
        for allocated, stored in DEPTHS:
            for signed in (False, True):
                for count, fragments in LAYOUTS if codec != "raw" else [(1, 1), (3, 1)]:
                    # Run lengths have a fragment a frame, by the standard; pydicom writes 8 bits of 16 as bytes.
                    if codec == "rle" and (fragments > 1 or (allocated, stored) == (16, 8)):
                        continue
                    name = f"{codec}-{'i' if signed else 'u'}{stored}of{allocated}-{count}x{fragments}.dcm"
                    write(out / name, codec, frames_of(count, allocated, stored, signed, 1), stored, fragments)
        for bits in (8, 16):
            write(out / f"{codec}-rgb{bits}.dcm", codec, frames_of(1, bits, bits, False, 3), bits, 1)


if __name__ == "__main__":
    main()
