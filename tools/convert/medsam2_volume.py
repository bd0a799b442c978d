"""Follows an object through a volume as MedSAM2's scripts do, with the model of the package `sam2`.

    python tools/convert/medsam2_volume.py --checkpoint FILE --volume CT.npz --slice K --box X0,Y0,X1,Y1 --out masks.safetensors
    python tools/convert/medsam2_volume.py --checkpoint FILE --volume CT.npz --slice K --click X,Y --out masks.safetensors

A box goes as in medsam2_infer_3D_CT.py: forwards, then after a reset backwards, and the largest piece stays. A click goes
as in medsam2_infer_CT_lesion_npz_recist.py: what it finds in its slice is the prompt, as a mask. `masks` [D, H, W] is the
volume, `scores` [D] are the logits of the object being in each slice.

Holes are filled as with the CUDA extension, by scikit-image. Memories are float32; upstream keeps them as bfloat16.
"""

from __future__ import annotations

import argparse
import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage.measure import label

import sam2_model as sam2
from safetensors_file import save_file

misc = importlib.import_module("sam2.utils.misc")


def pieces(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`get_connected_components`: for masks [N, 1, H, W] the number of each pixel's piece, 0 outside, and its area."""
    numbers = torch.stack([torch.from_numpy(label(one.numpy(), connectivity=2)) for one in mask[:, 0]])
    areas = torch.stack([torch.bincount(one.flatten())[one] for one in numbers])
    return numbers[:, None], areas[:, None]


def prepare(images: np.ndarray, side: int) -> torch.Tensor:
    """Slices [D, H, W] of 8 bits as the model takes them, [D, 3, side, side]."""
    squares = [np.array(Image.fromarray(one).convert("RGB").resize((side, side))) for one in images]
    plain = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2) / 255.0
    return (plain - sam2.MEAN) / sam2.STD


def largest(mask: np.ndarray) -> np.ndarray:
    """`getLargestCC`."""
    numbers = label(mask)
    return numbers == 1 + np.argmax(np.bincount(numbers.flat)[1:]) if mask.any() else mask


def follow(model: torch.nn.Module, images: np.ndarray, key: int, prompt: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    found = np.zeros(images.shape, dtype=bool)
    scores = np.zeros(len(images), dtype=np.float32)
    state = sam2.start(model, prepare(images, model.image_size), *images.shape[1:])
    place = {"frame_idx": key, "obj_id": 1}
    _, _, logits = model.add_new_points_or_box(state, **place, **prompt)
    mask = logits[0, 0] > 0
    for reverse in (False, True):
        if reverse:
            model.reset_state(state)
            if "box" in prompt:
                model.add_new_points_or_box(state, **place, **prompt)
        if "box" not in prompt:
            model.add_new_mask(state, **place, mask=mask)
        for frame, logits in sam2.propagate(model, state, start_frame_idx=key, reverse=reverse).items():
            found[frame] |= (logits[0, 0] > 0).numpy()
        outputs = state["output_dict"]
        for outs in (outputs["cond_frame_outputs"], outputs["non_cond_frame_outputs"]):
            for frame, out in outs.items():
                scores[frame] = float(out["object_score_logits"])
    return (largest(found) if "box" in prompt else found), scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--volume", required=True)
    parser.add_argument("--slice", type=int, required=True)
    parser.add_argument("--box")
    parser.add_argument("--click")
    parser.add_argument("--image-size", type=int, default=512)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    warnings.filterwarnings("error", message="(?s).*Skipping the post-processing step")
    sam2.video_predictor.tqdm = lambda values, **_: values
    misc.get_connected_components = pieces
    if args.box is not None:
        prompt: dict[str, Any] = {"box": np.array(args.box.split(","), dtype=np.float32)}
    else:
        click = np.array([args.click.split(",")], dtype=np.float32)
        prompt = {"points": click, "labels": np.array([1], dtype=np.int32)}
    model = sam2.build({**sam2.MEDSAM2, "imageSize": args.image_size}, fill_hole_area=8)
    model.load_state_dict(torch.load(args.checkpoint, weights_only=True)["model"])
    with torch.inference_mode(), sam2.full_precision():
        masks, scores = follow(model, np.load(args.volume)["imgs"], args.slice, prompt)
    save_file({"masks": torch.from_numpy(masks).float(), "scores": torch.from_numpy(scores)}, Path(args.out), {"case": "{}"})


if __name__ == "__main__":
    main()
