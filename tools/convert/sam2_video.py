"""Runs MedSAM2 in PyTorch at full size on eight seeded frames, and records what it finds.

    python tools/convert/sam2_video.py --out video.safetensors

The weights are those of `sam2_model.py --seeded-weights`. Metadata is `case`, JSON: what was asked, step by step, of the
video predictor. `<step>.<frame>` are the masks that came back, [objects, height, width], 0 or 1; the other tensors are
one tracked frame with everything inside, as `make_sam2_fixtures.tracked_frame` has it.
"""

from __future__ import annotations

import argparse
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import sam2_model as sam2
from make_sam2_fixtures import Step, run, tracked_frame
from safetensors_file import save_file

COUNT, HEIGHT, WIDTH = 8, 400, 300
BOX: Step = {"do": "points", "frame": 3, "object": 1, "box": [60.0, 80.0, 200.0, 300.0]}
CLICK: Step = {"do": "points", "frame": 3, "object": 2, "points": [[150.0, 200.0]], "labels": [1]}
FORWARD: Step = {"do": "propagate"}
BACKWARD: Step = {"do": "propagate", "reverse": True}
STEPS: list[Step] = [
    BOX,
    CLICK,
    FORWARD,
    {"do": "points", "frame": 6, "object": 2, "points": [[40.0, 350.0], [210.0, 90.0]], "labels": [0, 1]},
    FORWARD,
    BACKWARD,
    {"do": "reset"},
    {"do": "mask", "frame": 2, "object": 7, "rows": [100, 250], "columns": [60, 200]},
    FORWARD,
    BACKWARD,
]
# The frame that is recorded after the first two steps: it attends to three memories and four pointers of each object.
RECORDED = 6
# Modules that only hold a convolution, whose output has its own name.
WRAPPER = re.compile(r"image_encoder\.neck\.convs\.\d")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    sam2.video_predictor.tqdm = lambda values, **_: values
    with torch.inference_mode(), sam2.full_precision():
        model = sam2.fill(sam2.build(sam2.MEDSAM2))
        images = sam2.frames(COUNT, 512)
        start: Callable[[], dict[str, Any]] = lambda: sam2.start(model, images, HEIGHT, WIDTH)
        tensors = tracked_frame(model, start(), STEPS[:2], RECORDED, WRAPPER, attention=False)
        state = start()
        for index, step in enumerate(STEPS):
            for frame, logits in run(model, state, step).items():
                tensors[f"{index}.{frame}"] = (logits[:, 0] > 0).to(torch.uint8)
    about = {
        "config": sam2.MEDSAM2,
        "frame": RECORDED,
        "frames": COUNT,
        "height": HEIGHT,
        "width": WIDTH,
        "steps": STEPS,
    }
    save_file({name: value.contiguous() for name, value in tensors.items()}, args.out, {"case": json.dumps(about)})


if __name__ == "__main__":
    main()
