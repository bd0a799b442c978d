"""Writes test/parity/fixtures/sam2-*.safetensors: a small SAM 2.1 on a few frames, as the package `sam2` computes it.

    python tools/convert/make_sam2_fixtures.py

`sam2-frame` is one tracked frame with everything inside, two objects at once; `sam2-video-*` are conversations with the
video predictor: what was asked is `case.steps`, in order, and what came back is `<step>.<frame>`, logits of all objects
at the size of the video. Memories are float32 here; upstream keeps them as bfloat16.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import torch

import oracle
import sam2_model as sam2
from make_fixtures import PHOTO, save
from sam import Config, Record

# Grids of 24, 12, 6 and 3: windows of 4 pad the third, and the last is pooled out of padded ones. The table of positions
# is not square. Memories of two frames beside the prompted ones, and four frames' pointers.
SMALL: Config = {
    "family": "sam2",
    "imageSize": 96,
    "patchSize": 16,
    "imageEncoder": {
        "type": "Hiera",
        "embedDim": 8,
        "numHeads": 1,
        "stages": [1, 1, 2, 1],
        "globalAttBlocks": [3],
        "windowPosEmbedBkgSpatialSize": [3, 5],
        "windowSpec": [8, 4, 4, 2],
    },
    "promptEmbedDim": 32,
    "maskInChans": 16,
    "maskDecoder": {**sam2.MEDSAM2["maskDecoder"]},
    "memoryAttention": {"numLayers": 2, "dimFeedforward": 16},
    "memoryEncoder": {"outDim": 8, "numLayers": 2},
    "numMaskmem": 3,
    "maxObjPtrsInEncoder": 4,
}
COUNT, HEIGHT, WIDTH = 8, 40, 30

Step = dict[str, Any]
BOX: Step = {"do": "points", "frame": 3, "object": 1, "box": [5.0, 8.0, 20.0, 31.0]}
CLICK: Step = {"do": "points", "frame": 3, "object": 2, "points": [[22.0, 11.0]], "labels": [1]}
FORWARD: Step = {"do": "propagate"}
BACKWARD: Step = {"do": "propagate", "reverse": True}

# Each with what is added to the logit of an object being there: 0 makes objects come and go.
VIDEOS: dict[str, tuple[float, list[Step]]] = {
    # A box, then clicks on it before anything is tracked; forwards, then backwards with what is known.
    "box-and-clicks": (
        5.0,
        [
            BOX,
            {"do": "points", "frame": 3, "object": 1, "points": [[9.0, 20.0]], "labels": [0], "clear": False},
            FORWARD,
            BACKWARD,
        ],
    ),
    # Two objects, prompted in different frames: one is a placeholder where the other is prompted.
    "two-objects": (5.0, [BOX, {**CLICK, "frame": 5}, FORWARD, {**BACKWARD, "start": 6, "most": 4}]),
    # A click on a frame that was tracked, with memories on both sides; then all again.
    "correction": (
        5.0,
        [
            BOX,
            CLICK,
            FORWARD,
            {"do": "points", "frame": 6, "object": 2, "points": [[4.0, 35.0], [20.0, 9.0]], "labels": [0, 1]},
            FORWARD,
            BACKWARD,
        ],
    ),
    # A mask; then one on another frame after tracking.
    "masks": (
        5.0,
        [
            {"do": "mask", "frame": 2, "object": 7, "rows": [10, 25], "columns": [6, 20]},
            FORWARD,
            {"do": "mask", "frame": 5, "object": 7, "rows": [0, 0], "columns": [0, 0]},
            FORWARD,
            BACKWARD,
        ],
    ),
    # Objects that come and go.
    "absent": (0.0, [BOX, CLICK, FORWARD, BACKWARD]),
    # Prompts taken back, an object taken out, all anew.
    "changes": (
        5.0,
        [
            BOX,
            CLICK,
            {**BOX, "frame": 6},
            FORWARD,
            {"do": "clear", "frame": 6, "object": 1},
            FORWARD,
            {"do": "remove", "object": 1},
            FORWARD,
            {"do": "reset"},
            {**CLICK, "frame": 4, "object": 5},
            FORWARD,
            {"do": "clear", "frame": 4, "object": 5},
            {**BOX, "frame": 0, "object": 5},
            BACKWARD,
            FORWARD,
        ],
    ),
}


def square_mask(step: Step, height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[slice(*step["rows"]), slice(*step["columns"])] = True
    return mask


def run(model: torch.nn.Module, state: dict[str, Any], step: Step) -> dict[int, torch.Tensor]:
    """Does one step; gives the logits that came back, by frame."""
    place = {"frame_idx": step.get("frame"), "obj_id": step.get("object")}
    if step["do"] == "points":
        prompt = {key: step.get(key) for key in ("points", "labels", "box")}
        frame, _, logits = model.add_new_points_or_box(
            state, **place, **prompt, clear_old_points=step.get("clear", True)
        )
        return {frame: logits}
    if step["do"] == "mask":
        mask = square_mask(step, state["video_height"], state["video_width"])
        frame, _, logits = model.add_new_mask(state, **place, mask=mask)
        return {frame: logits}
    if step["do"] == "clear":
        frame, _, logits = model.clear_all_prompts_in_frame(state, **place)
        return {frame: logits}
    if step["do"] == "remove":
        return dict(model.remove_object(state, place["obj_id"])[1])
    if step["do"] == "reset":
        model.reset_state(state)
        return {}
    options = {"start_frame_idx": step.get("start"), "max_frame_num_to_track": step.get("most")}
    return sam2.propagate(model, state, reverse=step.get("reverse", False), **options)


def make_videos() -> None:
    images = sam2.frames(COUNT, SMALL["imageSize"])
    for name, (score, steps) in VIDEOS.items():
        model = sam2.fill(sam2.build(SMALL), score)
        state = sam2.start(model, images, HEIGHT, WIDTH)
        tensors: Record = {}
        for index, step in enumerate(steps):
            for frame, logits in run(model, state, step).items():
                tensors[f"{index}.{frame}"] = logits[:, 0].clone()
        case = {"config": SMALL, "score": score, "frames": COUNT, "height": HEIGHT, "width": WIDTH, "steps": steps}
        save(f"sam2-video-{name}", case, tensors)


# Wide values that tell no more than their neighbours, and have layers of their own in the fixtures.
LEFT_OUT = re.compile(
    r"image_encoder\.trunk\..*\.(attn\.(qkv|q|k|v|scores|heads)|mlp\.(act|layers\.0))"
    r"|image_encoder\.neck\.convs\.\d"
    r"|memory_encoder\.mask_downsampler\.encoder\.[0-8]"
    r"|sam_mask_decoder\.transformer\..*\.(scores|mlp\.(act|layers\.0))"
)


def tracked_frame(
    model: torch.nn.Module,
    state: dict[str, Any],
    steps: list[Step],
    frame: int,
    left_out: re.Pattern[str],
    **options: Any,
) -> Record:
    """A frame that is tracked after `steps`: what it is given (`input.*`), all modules (see `sam2.capture`) but those
    that are left out, and what is found (`expected.*`)."""
    for step in steps:
        run(model, state, step)
    frames = model.propagate_in_video(state)
    for before, _, _ in frames:
        if before == frame - 1:
            break
    outputs = state["output_dict"]
    memories = {**outputs["cond_frame_outputs"], **outputs["non_cond_frame_outputs"]}
    tensors: Record = {"input.image": state["images"][frame : frame + 1]}
    for other, out in memories.items():
        # Plain values as the predictor here keeps them: tokens row by row.
        tensors[f"input.memory.{other}"] = out["maskmem_features"].flatten(2).transpose(1, 2)
        tensors[f"input.pointer.{other}"] = out["obj_ptr"]
    with sam2.capture(model, **options) as record:
        next(frames)
    last = outputs["non_cond_frame_outputs"][frame]
    tensors |= {path: value for path, value in record.items() if not left_out.fullmatch(path)}
    tensors |= {
        "expected.low_res_masks": last["pred_masks"][:, 0],
        "expected.pointers": last["obj_ptr"],
        "expected.object_score_logits": last["object_score_logits"][:, 0],
        "expected.memory": last["maskmem_features"],
    }
    return tensors


def make_frame() -> None:
    model = sam2.fill(sam2.build(SMALL))
    state = sam2.start(model, sam2.frames(COUNT, SMALL["imageSize"]), HEIGHT, WIDTH)
    tensors = tracked_frame(model, state, [BOX, CLICK], 7, LEFT_OUT)
    save("sam2-frame", {"config": SMALL, "score": 5.0, "frame": 7, "frames": COUNT}, tensors)


# Each with whether several masks are asked for; the last goes on from what the first gave.
IMAGE_PROMPTS: dict[str, dict[str, Any]] = {
    "box": {"box": [10.0, 8.0, 60.0, 50.0], "multimask_output": False},
    "click": {"point_coords": [[31.0, 20.5]], "point_labels": [1]},
    "box-and-clicks": {
        "box": [10.0, 8.0, 60.0, 50.0],
        "point_coords": [[31.0, 20.5], [80.0, 55.0]],
        "point_labels": [1, 0],
        "multimask_output": False,
    },
    "mask": {"mask_input": "box", "multimask_output": True},
}


def make_image() -> None:
    """`SAM2ImagePredictor` on a small photo: logits of the image's size, scores, and low-resolution logits."""
    predictor = sam2.image_predictor(sam2.fill(sam2.build(SMALL)))
    predictor.set_image(PHOTO)
    tensors: Record = {"input.pixels": torch.from_numpy(PHOTO).float()}
    for name, prompt in IMAGE_PROMPTS.items():
        given = {key: np.array(value) if isinstance(value, list) else value for key, value in prompt.items()}
        if "mask_input" in given:
            given["mask_input"] = tensors[f"{given['mask_input']}.low_res_logits"].numpy()
        maps, scores, low = predictor.predict(return_logits=True, **given)
        for key, value in (("maps", maps), ("iou_predictions", scores), ("low_res_logits", low)):
            tensors[f"{name}.{key}"] = torch.from_numpy(value)
    save("sam2-image", {"config": SMALL, "score": 5.0, "prompts": IMAGE_PROMPTS}, tensors)


def main() -> None:
    torch.set_num_threads(2)
    oracle.check()
    warnings.simplefilter("ignore")
    sam2.video_predictor.tqdm = lambda values, **_: values
    with torch.inference_mode(), sam2.full_precision():
        make_videos()
        make_frame()
        make_image()


if __name__ == "__main__":
    main()
