"""Records a network that is wrong in one way, to see that `medsam parity` notices: reference.py with a mutation.

    python tools/convert/record_mutant.py gelu-tanh --checkpoint X.pth --image Y.png --box 1,2,3,4 --out dump.safetensors
    python tools/convert/record_mutant.py weight|rel-pos --checkpoint X.pth --out changed.pth
    python tools/convert/record_mutant.py padded --out padded.pth

`padded` writes a small network with seeded weights whose windows reach over the grid. `gelu-tanh` and `padding-mask` change the code that records. `weight` (a hundredth more in one matrix) and `rel-pos` (rows
and columns of one global block exchanged) change a checkpoint.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import oracle
import reference
from sam import Config, build, image_encoder

PADDED: Config = {
    "imageSize": 64,
    "patchSize": 8,
    "imageEncoder": {
        "embedDim": 32,
        "depth": 2,
        "numHeads": 2,
        "mlpRatio": 4,
        "windowSize": 3,
        "globalAttnIndexes": [1],
    },
    "promptEmbedDim": 32,
    "maskInChans": 16,
    "maskDecoder": {
        "depth": 2,
        "numHeads": 8,
        "mlpDim": 64,
        "numMultimaskOutputs": 3,
        "iouHeadDepth": 3,
        "iouHeadHiddenDim": 32,
    },
}


def gelu_tanh() -> None:
    nn.GELU.forward = lambda self, x: nn.functional.gelu(x, approximate="tanh")


def padding_mask() -> None:
    """Tokens that pad a window, which are zero after the norm, are not looked at."""
    forward, add = image_encoder.Attention.forward, image_encoder.add_decomposed_rel_pos
    padding: list[torch.Tensor] = []

    def remembering(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
        padding[:] = [(x == 0).all(-1).flatten(1)]
        return forward(self, x)

    def masked(scores: torch.Tensor, *args: object) -> torch.Tensor:
        hidden = padding[0].repeat_interleave(scores.shape[0] // padding[0].shape[0], 0)
        return add(scores, *args).masked_fill(hidden[:, None, :], -1e9)

    image_encoder.Attention.forward = remembering
    image_encoder.add_decomposed_rel_pos = masked


def changed(path: str, mutation: str, out: str) -> None:
    state = torch.load(path, map_location="cpu", weights_only=True)
    block = "image_encoder.blocks.1"
    if mutation == "weight":
        state[f"{block}.mlp.lin2.weight"] = state[f"{block}.mlp.lin2.weight"] * 1.01
    else:
        rows, columns = f"{block}.attn.rel_pos_h", f"{block}.attn.rel_pos_w"
        state[rows], state[columns] = state[columns], state[rows]
    torch.save(state, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mutation", choices=["gelu-tanh", "padding-mask", "weight", "rel-pos", "padded"])
    parser.add_argument("--checkpoint")
    parser.add_argument("--image")
    parser.add_argument("--box")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    if args.mutation == "padded":
        return torch.save(oracle.fill(build(PADDED)).state_dict(), args.out)
    if args.mutation in ("weight", "rel-pos"):
        return changed(args.checkpoint, args.mutation, args.out)
    {"gelu-tanh": gelu_tanh, "padding-mask": padding_mask}[args.mutation]()
    reference.dump(args.checkpoint, args.image, [float(value) for value in args.box.split(",")], args.out)


if __name__ == "__main__":
    main()
