"""Runs MedSAM in PyTorch with your own weights, image and box, and records everything that happens inside.

    python tools/convert/reference.py --checkpoint medsam_vit_b.pth --image ct.png --box 95,255,190,350 --out dump.safetensors
    python tools/convert/reference.py --seeded-weights vit_b.pth

Compare with it:

    npx medsam parity --reference dump.safetensors --checkpoint medsam_vit_b.pth

The image is read by Pillow, or is a `.npy` of bytes [H, W, 3]; then torch and numpy are all that is needed, beside
the code of the model: `pip install --no-deps segment-anything==1.0`. A checkpoint of LiteMedSAM takes its own way
(lite_medsam.py), for which segment-anything-hq and OpenCV are needed too. What is missing is named.

The dump holds PyTorch's tensors by state_dict path (see sam.py, `capture`), inputs under `input.*`, and the maps of the
image's size under `expected.*`. With `--train decoder` or `--train encoder+decoder` also what training does: the
gradients of MedSAM's loss (`grad.*`), ten losses of AdamW (`train.losses`) and the weights after them (`after.*`); the
object to be learnt is the ellipse in the box (`train.target`). All of ViT-B needs some 20 GB of memory for that.

The second form writes a checkpoint of ViT-B at full size whose weights come from the generator of oracle.py, for
parity checks that need no download.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

try:
    import numpy as np
    import torch
except ImportError as error:
    raise SystemExit(f"{error.name} is missing; install it with: pip install torch numpy") from None

import lite_medsam
import oracle
from presets import predict_lite, predict_medsam
from safetensors_file import save_file
from sam import SAM_DECODER, Config, build, capture, recognise
from torch.nn import functional as F

# Of the dump's layout; src/inspect/reference.ts reads this one.
VERSION = 1

VIT_B: Config = {
    "family": "sam",
    "imageSize": 1024,
    "patchSize": 16,
    "imageEncoder": {
        "type": "ViT",
        "embedDim": 768,
        "depth": 12,
        "numHeads": 12,
        "mlpRatio": 4,
        "windowSize": 14,
        "globalAttnIndexes": [2, 5, 8, 11],
    },
    "promptEmbedDim": 256,
    "maskInChans": 16,
    "maskDecoder": SAM_DECODER,
}


# Wide values inside the encoder's blocks; those that are kept around them tell as much, in a third of the space.
INSIDE_BLOCK = re.compile(r"image_encoder\.blocks\.\d+\.(attn\.(qkv|proj|heads)|mlp\.(lin1|act|lin2))")


def load(path: str) -> tuple[torch.nn.Module, Config]:
    """A SAM with the weights of a `.pth`, as MedSAM publishes it or its training scripts save it, or of safetensors."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file  # not needed for anything else here

        state = {key: value.float() for key, value in load_file(path).items()}
    else:
        state = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("model", "state_dict"):
        if isinstance(state.get(key), dict):
            state = state[key]
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    is_lite = lite_medsam.is_its(state)
    config = lite_medsam.CONFIG if is_lite else recognise(state)
    sam = lite_medsam.build() if is_lite else build(config)
    sam.load_state_dict(state)
    return sam.eval(), config


def read_image(path: str) -> np.ndarray:
    """Bytes [H, W, 3]."""
    if not path.endswith(".npy"):
        try:
            from PIL import Image
        except ImportError:
            raise SystemExit(
                f"{path}: reading it needs Pillow, which is missing; install it with: pip install pillow; or give the "
                "pixels as a .npy file of bytes [height, width, 3]"
            ) from None
        return np.array(Image.open(path).convert("RGB"))
    image = np.load(path)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise SystemExit(f"{path}: is {image.dtype} {list(image.shape)}; expected uint8 [height, width, 3]")
    return image


TRAINED = {"decoder": ("mask_decoder.",), "encoder+decoder": ("image_encoder.", "mask_decoder.")}
STEPS, LEARNING_RATE, WEIGHT_DECAY = 10, 1e-4, 0.01


def ellipse(box: torch.Tensor, side: int) -> torch.Tensor:
    """The pixels whose centres lie in the ellipse that a box holds, [1, 1, side, side]."""
    x0, y0, x1, y1 = box
    at = torch.arange(side) + 0.5
    x, y = (at - (x0 + x1) / 2) / (x1 - x0) * 2, (at - (y0 + y1) / 2) / (y1 - y0) * 2
    return (x[None, :] ** 2 + y[:, None] ** 2 <= 1).float()[None, None]


def medsam_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Dice, with squares in its denominator as MONAI's `squared_pred`, plus binary cross-entropy."""
    p = logits.sigmoid()
    overlap, sizes = (p * target).sum((2, 3)), (p**2).sum((2, 3)) + (target**2).sum((2, 3))
    dice = 1 - ((2 * overlap + 1e-5) / (sizes + 1e-5)).mean()
    return dice + F.binary_cross_entropy_with_logits(logits, target)


def train(sam: torch.nn.Module, image: torch.Tensor, box: torch.Tensor, part: str) -> dict[str, torch.Tensor]:
    """What MedSAM's training does to a part of the model, as train_one_gpu.py, with one image. Changes the weights."""
    side = sam.image_encoder.img_size
    named = {key: p for key, p in sam.named_parameters() if key.startswith(TRAINED[part])}
    for key, parameter in sam.named_parameters():
        parameter.requires_grad_(key in named)
    target = ellipse(box, side)
    with torch.no_grad():
        sparse, dense = sam.prompt_encoder(points=None, boxes=box[None], masks=None)
        fixed = sam.image_encoder(image) if part == "decoder" else None

    def loss_now() -> torch.Tensor:
        embedding = sam.image_encoder(image) if fixed is None else fixed
        low, _ = sam.mask_decoder(embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
        return medsam_loss(F.interpolate(low, size=(side, side), mode="bilinear", align_corners=False), target)

    optimiser = torch.optim.AdamW(named.values(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    losses, gradients = [], {}
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = loss_now()
        loss.backward()
        if step == 0:
            gradients = {f"grad.{key}": p.grad.clone() for key, p in named.items() if p.grad is not None}
        optimiser.step()
        losses.append(loss.detach())
        print(f"step {step + 1} of {STEPS}: loss {loss.item():.6f}", file=sys.stderr)
    after = {f"after.{key}": p.detach().clone() for key, p in named.items()}
    return {"train.target": target, "train.losses": torch.stack(losses), **gradients, **after}


def dump(checkpoint: str, image_path: str, box: list[float], out: str, part: str | None = None) -> None:
    sam, config = load(checkpoint)
    image = read_image(image_path)
    boxes = torch.tensor([box])
    is_lite = config is lite_medsam.CONFIG
    if is_lite and part is not None:
        raise SystemExit(f"{checkpoint}: is LiteMedSAM, whose training is not recorded; leave --train out")
    predict = predict_lite if is_lite else predict_medsam
    started = time.monotonic()
    with torch.no_grad(), capture(sam, attention=False) as record:
        result = predict(sam, image, boxes)
        record["prompt_encoder.dense_pe"] = sam.prompt_encoder.get_dense_pe()
    print(f"PyTorch {torch.__version__}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    tensors = {
        "input.pixels": torch.from_numpy(image),
        "input.image": result["prepared"],
        "input.boxes": boxes,
        "expected.low_res_logits": result["low_res_logits"],
        # As probabilities: LiteMedSAM has logits upsampled.
        "expected.maps": result["maps"].sigmoid() if is_lite else result["maps"],
        **(lite_medsam.as_here(record) if is_lite else record),
    }
    about = {"version": VERSION, "config": config, "torch": torch.__version__}
    if part is not None:
        height, width, _ = image.shape
        scaled = boxes[0] / torch.tensor([width, height] * 2) * config["imageSize"]
        tensors |= train(sam, result["prepared"], scaled, part)
        about["train"] = {"part": part, "steps": STEPS, "learningRate": LEARNING_RATE, "weightDecay": WEIGHT_DECAY}
    kept = {k: v.contiguous() for k, v in tensors.items() if not INSIDE_BLOCK.fullmatch(k)}
    metadata = {"case": json.dumps(about)}
    save_file(kept, Path(out), metadata)
    print(f"{out}: {len(kept)} tensors, {Path(out).stat().st_size / 1e6:.0f} MB", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    parser.add_argument("--image")
    parser.add_argument("--box", help="x0,y0,x1,y1 in pixels of the image")
    parser.add_argument("--out")
    parser.add_argument("--train", choices=list(TRAINED), help="record gradients and ten steps of AdamW of this part too")
    parser.add_argument("--seeded-weights", metavar="FILE", help="write the generator's ViT-B to FILE and stop")
    args = parser.parse_args()
    torch.set_num_threads(2)
    if args.seeded_weights:
        temporary = Path(f"{args.seeded_weights}.tmp")
        torch.save(oracle.fill(build(VIT_B)).state_dict(), temporary)
        temporary.replace(args.seeded_weights)
        return
    if not (args.checkpoint and args.image and args.box and args.out):
        parser.error("expected --checkpoint, --image, --box and --out")
    dump(args.checkpoint, args.image, [float(value) for value in args.box.split(",")], args.out, args.train)


if __name__ == "__main__":
    main()
