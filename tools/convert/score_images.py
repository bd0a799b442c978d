"""Runs MedSAM in PyTorch on the prompts of test/parity/prompts.json and writes masks and scores as JSON.

    python tools/convert/score_images.py --checkpoint medsam_tiny.pth --data ../shared/data --out scores.json

A prompt with ground truth runs twice: with its tight box, and with the box 5 pixels wider, clipped to the
image; corners are inclusive, so the last column is `width - 1`.
Masks are run lengths along the rows, background first.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from presets import medsam_input
from reference import load

PROMPTS = Path(__file__).resolve().parents[2] / "test" / "parity" / "prompts.json"


def read_image(data: Path, prompt: dict[str, Any]) -> np.ndarray:
    """[H, W, 3] in 8 bits. The 16-bit file among them has no value above 255."""
    path = data / prompt["image"]
    image = np.load(path)["imgs"][prompt["slice"]] if path.suffix == ".npz" else np.array(Image.open(path))
    assert image.max() <= 255, path
    return np.repeat(image[..., None], 3, 2).astype(np.uint8) if image.ndim == 2 else image[..., :3]


def read_truth(data: Path, prompt: dict[str, Any]) -> np.ndarray | None:
    truth = prompt.get("truth")
    if truth is None:
        return None
    path = data / truth["file"]
    if path.suffix == ".npz":
        labels = np.load(path)["gts"][prompt["slice"]]
    elif path.suffix == ".jpg":
        labels = (np.array(Image.open(path).convert("L")) > 127).astype(np.uint8)
    else:
        labels = np.array(Image.open(path))
    mask = labels == truth["label"]
    if "within" in truth:
        x0, y0, x1, y1 = truth["within"]
        inside = np.zeros_like(mask)
        inside[y0 : y1 + 1, x0 : x1 + 1] = True
        mask &= inside
    return mask


def run_lengths(mask: np.ndarray) -> list[int]:
    flat = np.concatenate([[0], mask.ravel().astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], edges, [mask.size]])).tolist()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(2)
    sam, _ = load(args.checkpoint)
    side = sam.image_encoder.img_size
    results = []
    embeddings: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for prompt in json.loads(PROMPTS.read_text()):
            image, truth = read_image(args.data, prompt), read_truth(args.data, prompt)
            key = f"{prompt['image']}:{prompt.get('slice')}"
            if key not in embeddings:
                embeddings[key] = sam.image_encoder(medsam_input(image, side))
            height, width, _ = image.shape
            x0, y0, x1, y1 = prompt["box"]
            boxes = {"tight": [x0, y0, x1, y1]}
            if truth is not None:
                boxes["wider"] = [max(x0 - 5, 0), max(y0 - 5, 0), min(x1 + 5, width - 1), min(y1 + 5, height - 1)]
            for kind, box in boxes.items():
                scaled = torch.tensor([box]) / torch.tensor([width, height, width, height]) * side
                sparse, dense = sam.prompt_encoder(points=None, boxes=scaled, masks=None)
                logits, _ = sam.mask_decoder(embeddings[key], sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
                maps = torch.nn.functional.interpolate(
                    torch.sigmoid(logits), size=(height, width), mode="bilinear", align_corners=False
                )
                mask = (maps[0, 0] > 0.5).numpy()
                results.append(
                    {
                        "id": prompt["id"],
                        "kind": kind,
                        "box": box,
                        "size": [width, height],
                        "positives": int(mask.sum()),
                        "dice": None if truth is None else dice(mask, truth),
                        "runs": run_lengths(mask),
                    }
                )
    Path(args.out).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
