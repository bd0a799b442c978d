"""Reads and writes label volumes with nibabel, pydicom and highdicom, for test/parity/live/geometry.test.ts.

    python tools/convert/geometry.py write FOLDER SERIES...   FOLDER/highdicom.dcm: a segmentation of the series
    python tools/convert/geometry.py read FOLDER SERIES...    FOLDER/read.json: what is in the files of FOLDER

Arrays are hashed with slices first and columns last, slices upwards.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import pydicom
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array.astype("<u2")).tobytes()).hexdigest()


def series(paths: list[str]) -> list[pydicom.Dataset]:
    return sorted((pydicom.dcmread(path) for path in paths), key=lambda image: image.ImagePositionPatient[2])


def write(folder: Path, images: list[pydicom.Dataset]) -> None:
    labels = np.zeros((len(images), images[0].Rows, images[0].Columns), np.uint8)
    labels[1:4, 100:140, 50:120] = 1
    labels[4:6, 300:310, 400:500] = 2
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in [(1, "first"), (2, "second")]
    ]
    segmentation = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=labels,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    segmentation.save_as(folder / "highdicom.dcm")
    (folder / "written.json").write_text(json.dumps({"sha256": sha256(labels)}))


def read_nifti(path: Path) -> dict[str, Any]:
    image = nibabel.load(path)
    labels = np.asarray(image.dataobj)
    return {
        "shape": labels.shape,
        "dtype": labels.dtype.name,
        "affine": image.affine[:3].tolist(),
        "zooms": [float(side) for side in image.header.get_zooms()],
        "codes": [int(image.header["qform_code"]), int(image.header["sform_code"])],
        "sha256": sha256(labels.T),
        # Where the labelled voxels are in the patient, on average.
        "centre": nibabel.affines.apply_affine(image.affine, np.argwhere(labels)).mean(0).tolist(),
    }


def read_segmentation(path: Path, images: list[pydicom.Dataset]) -> dict[str, Any]:
    segmentation = highdicom.seg.segread(path)
    labels = segmentation.get_pixels_by_source_instance(
        [image.SOPInstanceUID for image in images], combine_segments=True, assert_missing_frames_are_empty=True
    )
    volume = segmentation.get_volume(combine_segments=True)
    places = volume.map_indices_to_reference(np.argwhere(volume.array > 0).astype(float))
    return {
        "sha256": sha256(labels),
        "segments": [segmentation.get_segment_description(n).segment_label for n in segmentation.segment_numbers],
        "patient": str(segmentation.PatientName) == str(images[0].PatientName),
        "series": segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == images[0].SeriesInstanceUID,
        "spacing": [float(side) for side in volume.spacing],
        # DICOM's axes point to the left and to the back.
        "centre": (places.mean(0) * [-1, -1, 1]).tolist(),
    }


def main() -> None:
    command, folder, *paths = sys.argv[1:]
    if command == "write":
        write(Path(folder), series(paths))
        return
    found = {}
    for path in sorted(Path(folder).iterdir()):
        if ".nii" in path.name:
            found[path.name] = read_nifti(path)
        elif path.suffix == ".dcm":
            found[path.name] = read_segmentation(path, series(paths))
    (Path(folder) / "read.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
