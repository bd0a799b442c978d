"""OpenCV's GrabCut from boxes, for test/parity/live/grabCut.test.ts.

    python tools/convert/grab_cut.py prompts.json pixels.bin masks.bin

`prompts.json` is a list of {"width", "height", "channels", "box": [x0, y0, x1, y1]}, corners inclusive; `pixels.bin`
holds for each the bytes of its image, RGB or grey. Its k-means starts at random: each prompt gets as many masks as there
are seeds, one after the other.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np

ITERATIONS = 5
SEEDS = 3


def grab_cut(image: np.ndarray, box: list[int], seed: int) -> np.ndarray:
    cv2.setRNGSeed(seed)
    x0, y0, x1, y1 = box
    mask = np.zeros(image.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, mask, (x0, y0, x1 - x0 + 1, y1 - y0 + 1), *models, ITERATIONS, cv2.GC_INIT_WITH_RECT)
    return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def main() -> None:
    index, pixels, out = sys.argv[1:]
    bytes_, at, masks = np.fromfile(pixels, np.uint8), 0, []
    for prompt in json.loads(Path(index).read_text()):
        shape = prompt["height"], prompt["width"], prompt["channels"]
        image = bytes_[at : at + np.prod(shape)].reshape(shape)
        at += np.prod(shape)
        rgb = np.ascontiguousarray(np.broadcast_to(image, (*shape[:2], 3)))
        masks += [grab_cut(rgb, prompt["box"], seed).tobytes() for seed in range(1, SEEDS + 1)]
    assert at == len(bytes_)
    Path(out).write_bytes(b"".join(masks))


if __name__ == "__main__":
    main()
