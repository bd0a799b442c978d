"""Scores pairs of masks with DeepMind's surface-distance and SciPy, for test/parity/live/metrics.test.ts.

    python tools/convert/score_masks.py pairs.json pairs.bin scores.json

`pairs.json` is a list of {"size": [x, y, z], "spacing": [x, y, z]}; `pairs.bin` holds for each the bytes of the truth
and of the prediction, x fastest. Not finite numbers are written as NaN, Infinity and -Infinity, as Python does.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from scipy.spatial.distance import dice, directed_hausdorff
from surface_distance import metrics

# Means over no surface are not numbers here; what surface-distance calls in SciPy has since moved.
warnings.simplefilter("ignore")

TOLERANCES = [0, 0.5, 1, 2, 3]


def scores(truth: np.ndarray, prediction: np.ndarray, spacing: list[float]) -> dict[str, object]:
    surfaces = metrics.compute_surface_distances(truth, prediction, spacing)
    places = [np.argwhere(mask) * np.array(spacing) for mask in (truth, prediction)]
    both = len(places[0]) > 0 and len(places[1]) > 0
    return {
        "empty": [not truth.any(), not prediction.any()],
        "dice": 1 - float(dice(truth.ravel(), prediction.ravel())),
        "nsd": [float(metrics.compute_surface_dice_at_tolerance(surfaces, t)) for t in TOLERANCES],
        "hausdorff95": float(metrics.compute_robust_hausdorff(surfaces, 95)),
        "average": [float(value) for value in metrics.compute_average_surface_distance(surfaces)],
        "hausdorff": max(directed_hausdorff(*places)[0], directed_hausdorff(*places[::-1])[0]) if both else None,
    }


def main() -> None:
    index, data, out = sys.argv[1:]
    bytes_, at, results = np.fromfile(data, np.uint8), 0, []
    for pair in json.loads(Path(index).read_text()):
        shape, spacing = pair["size"][::-1], pair["spacing"][::-1]
        masks = []
        for _ in range(2):
            masks.append(bytes_[at : at + np.prod(shape)].reshape(shape).astype(bool))
            at += np.prod(shape)
        results.append(scores(*masks, spacing))
    assert at == len(bytes_)
    Path(out).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
