"""Runs MedSAM2 in PyTorch at full size on eight seeded frames, and records what it finds.

    python tools/convert/sam2_video.py --out video.safetensors

The weights are those of `sam2_model.py --seeded-weights`. Metadata is `case`, JSON: what was asked, step by step, of the
video predictor. `<step>.<frame>` are the masks that came back, [objects, height, width], 0 or 1; and the other tensors
all modules of one tracked frame, by state_dict path, as `sam2_model.capture` has them.
"""

from __future__ import annotations

import argparse
import json
import re
import warnings
from pathlib import Path
from typing import Any

import torch

import sam2_model as sam2
from make_sam2_fixtures import Step, run
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
# The frame that is recorded, in the first propagation: it attends to three memories and four pointers of each object.
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
    tensors: dict[str, torch.Tensor] = {}

    def keep(step: int, found: dict[int, torch.Tensor]) -> None:
        tensors.update({f"{step}.{frame}": (logits[:, 0] > 0).to(torch.uint8) for frame, logits in found.items()})

    with torch.inference_mode(), sam2.full_precision():
        model = sam2.fill(sam2.build(sam2.MEDSAM2))
        state: dict[str, Any] = sam2.start(model, sam2.frames(COUNT, 512), HEIGHT, WIDTH)
        is_recorded = False
        for index, step in enumerate(STEPS):
            if step != FORWARD or is_recorded:
                keep(index, run(model, state, step))
                continue
            is_recorded = True
            frames = model.propagate_in_video(state)
            for frame, _, logits in frames:
                keep(index, {frame: logits})
                if frame == RECORDED - 1:
                    with sam2.capture(model, attention=False) as record:
                        frame, _, logits = next(frames)
                        keep(index, {frame: logits})
                    tensors |= {k: v.contiguous() for k, v in record.items() if not WRAPPER.fullmatch(k)}
    about = {
        "torch": torch.__version__,
        "frames": COUNT,
        "height": HEIGHT,
        "width": WIDTH,
        "recorded": RECORDED,
        "steps": STEPS,
    }
    save_file(tensors, args.out, {"case": json.dumps(about)})


if __name__ == "__main__":
    main()
