"""PyTorch's side of the training comparison: losses and weights of AdamW steps, or gradients, with made-up inputs.

    python tools/convert/train_steps.py --config JSON --train all --steps 10 --out steps.safetensors
    python tools/convert/train_steps.py --config JSON --train decoder --steps 10 --out steps.safetensors
    python tools/convert/train_steps.py --config JSON --train encoder+decoder --steps 0 --out gradients.safetensors
    python tools/convert/train_steps.py --config JSON --load trained.safetensors

`decoder` starts from one embedding, without an image. The same inputs in TypeScript: test/parity/live/trainingInputs.ts.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import oracle
import sam
from make_train_fixtures import medsam
from safetensors_file import save_file

Tensors = dict[str, torch.Tensor]
TRAINED = {
    "all": ("",),
    "encoder+decoder": ("image_encoder.", "mask_decoder."),
    "decoder": ("mask_decoder.",),
}


def box_of(step: int, image: int, side: int) -> list[float]:
    """Left, top, right, bottom: whole pixels, at least a quarter of the side apart."""
    u = (oracle.uniform(f"box:{step}:{image}", 4) + 1) / 2
    near, far = np.floor(u[:2] * side / 4), np.floor(side / 2 + u[2:] * side / 2)
    return [*near.tolist(), *far.tolist()]


def target_of(box: list[float], side: int) -> torch.Tensor:
    """The inside of a box but for a margin, [1, S, S]."""
    x0, y0, x1, y1 = (int(value) for value in box)
    margin = side // 16
    target = torch.zeros(1, side, side)
    target[0, y0 + margin : y1 - margin, x0 + margin : x1 - margin] = 1
    return target


def loss_of(model: torch.nn.Module, step: int, images: int, train: str) -> torch.Tensor:
    """As `MedSAM.forward` of train_one_gpu.py and its loss; image by image, since upstream's decoder takes one."""
    side = model.image_encoder.img_size
    if train == "decoder":
        grid, channels = model.prompt_encoder.image_embedding_size[0], model.prompt_encoder.embed_dim
        values = oracle.inp("embedding", (images, grid, grid, channels)) * 2 - 1
        embeddings = values.permute(0, 3, 1, 2)
    else:
        embeddings = model.image_encoder(oracle.inp(f"image:{step}", (images, side, side, 3)).permute(0, 3, 1, 2))
    boxes = [box_of(step, image, side) for image in range(images)]
    masks = []
    for image, box in enumerate(boxes):
        with torch.set_grad_enabled(train == "all"):
            sparse, dense = model.prompt_encoder(points=None, boxes=torch.tensor([box]), masks=None)
        low, _ = model.mask_decoder(
            image_embeddings=embeddings[image : image + 1],
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        masks.append(low)
    logits = F.interpolate(torch.cat(masks), size=(side, side), mode="bilinear", align_corners=False)
    return medsam(logits, torch.stack([target_of(box, side) for box in boxes]))


def make(model: torch.nn.Module, train: str, steps: int, images: int) -> Tensors:
    named = {key: p for key, p in model.named_parameters() if key.startswith(TRAINED[train])}
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(key in named)
    if steps == 0:
        loss = loss_of(model, 0, images, train)
        loss.backward()
        gradients = {f"gradient.{key}": p.grad for key, p in named.items() if p.grad is not None}
        return {"losses": loss.detach().reshape(1), **gradients}
    optimiser = torch.optim.AdamW(named.values(), lr=1e-4, weight_decay=0.01)
    losses = []
    for step in range(steps):
        optimiser.zero_grad()
        loss = loss_of(model, step, images, train)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    return {"losses": torch.stack(losses)} | {f"after.{key}": p.detach() for key, p in named.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True)
    parser.add_argument("--train", choices=list(TRAINED), default="all")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--load", type=Path)
    options = parser.parse_args()
    model = sam.build(json.loads(options.config))
    if options.load is not None:
        from safetensors.torch import load_file

        model.load_state_dict(load_file(options.load), strict=True)
        print("loads with strict=True")
        return
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if options.train != "decoder" or not key.startswith("image_encoder."):
                tensor.copy_(oracle.values(key, tuple(tensor.shape)))
    tensors = make(model, options.train, options.steps, options.images)
    case = {"train": options.train, "steps": options.steps, "torch": torch.__version__}
    save_file(tensors, options.out, {"case": json.dumps(case)})


if __name__ == "__main__":
    main()
