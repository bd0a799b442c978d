"""Follows an object through MedSAM's npz volumes as src/predictor/segmentVolume.ts does, with the model in PyTorch.

    python tools/convert/segment_volume.py --checkpoint medsam-tiny.safetensors --out masks.safetensors VOLUME.npz...

Each volume has the box of the middle slice of label 1 as its prompt; its mask [D, H, W] is named `0`, `1`, ... in order.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from presets import medsam_input
from reference import load
from safetensors_file import save_file

MARGIN = 0.05
Box = tuple[int, int, int, int]


def box_of(mask: np.ndarray, margin: float | None = None) -> Box:
    """Left, top, right, bottom, wider by a share of its sides, a pixel at least."""
    ys, xs = np.nonzero(mask)
    x0, y0, x1, y1 = int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())
    if margin is None:
        return x0, y0, x1, y1
    height, width = mask.shape
    # Halves go up, as JavaScript rounds.
    dx, dy = (max(1, int(np.floor(margin * side + 0.5))) for side in (x1 - x0 + 1, y1 - y0 + 1))
    return max(0, x0 - dx), max(0, y0 - dy), min(width - 1, x1 + dx), min(height - 1, y1 + dy)


def contrast(image: np.ndarray, mask: np.ndarray) -> float:
    if not mask.any():
        return 0.0
    x0, y0, x1, y1 = box_of(mask, 0.25)
    values, inside = image[y0 : y1 + 1, x0 : x1 + 1].astype(np.float64), mask[y0 : y1 + 1, x0 : x1 + 1]
    return 0.0 if inside.all() else float(values[inside].mean() - values[~inside].mean())


def goes_on(image: np.ndarray, mask: np.ndarray, before: np.ndarray, area: int, seed: float) -> bool:
    if mask.sum() < max(4, 0.05 * area) or not (mask & before).any():
        return False
    return abs(seed) < 8 or contrast(image, mask) / seed >= 1 / 3


def predict(model: torch.nn.Module, image: np.ndarray, box: Box) -> np.ndarray:
    """MedSAM_Inference.py on one slice."""
    height, width = image.shape
    side = model.image_encoder.img_size
    embedding = model.image_encoder(medsam_input(np.repeat(image[..., None], 3, 2), side))
    scaled = torch.tensor([box]) / torch.tensor([width, height, width, height]) * side
    sparse, dense = model.prompt_encoder(points=None, boxes=scaled, masks=None)
    logits, _ = model.mask_decoder(embedding, model.prompt_encoder.get_dense_pe(), sparse, dense, False)
    maps = functional.interpolate(torch.sigmoid(logits), size=(height, width), mode="bilinear", align_corners=False)
    return (maps[0, 0] > 0.5).numpy()


def follow(model: torch.nn.Module, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mask of label 1, from the box of the middle one of its slices, both ways to where it ends."""
    found = np.zeros(images.shape, dtype=bool)
    slices = np.flatnonzero((labels == 1).any(axis=(1, 2)))
    middle = int(slices[(len(slices) - 1) // 2])
    seed = predict(model, images[middle], box_of(labels[middle] == 1))
    found[middle] = seed
    if not seed.any():
        return found
    area, clear = int(seed.sum()), contrast(images[middle], seed)
    for step in (1, -1):
        before, z = seed, middle + step
        while 0 <= z < len(images):
            mask = predict(model, images[z], box_of(before, MARGIN))
            if not goes_on(images[z], mask, before, area, clear):
                break
            found[z] = before = mask
            z += step
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes", nargs="+", type=Path)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(2)
    model, _ = load(args.checkpoint)
    masks = {}
    with torch.no_grad():
        for number, path in enumerate(args.volumes):
            with np.load(path) as file:
                images, labels = file["imgs"], file["gts"]
            assert images.dtype == np.uint8, path
            masks[str(number)] = torch.from_numpy(follow(model, images, labels).astype(np.float32))
    save_file(masks, args.out, {"case": "{}"})


if __name__ == "__main__":
    main()
