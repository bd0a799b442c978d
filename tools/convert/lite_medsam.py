"""LiteMedSAM in PyTorch: the TinyViT of segment-anything-hq, whose code is LiteMedSAM's but for the stem.

    pip install --no-deps segment-anything-hq==0.3
    python tools/convert/lite_medsam.py --seeded-weights lite_medsam.pth

LiteMedSAM's own code is in no package. Both took their encoder from MobileSAM; LiteMedSAM's stem keeps the image's
size, so its two convolutions are replaced. That this gives LiteMedSAM is known from its printed numbers: run without
arguments, this file checks itself against them (the specification's oracle).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import sys
import types
from pathlib import Path

import torch
from torch import nn

import oracle
from sam import SAM_DECODER, Config, Record, modeling

# TypeScript's `LITE_MEDSAM`.
CONFIG: Config = {
    "family": "sam",
    "imageSize": 256,
    "patchSize": 4,
    "promptEmbedDim": 256,
    "maskInChans": 16,
    "maskDecoder": SAM_DECODER,
    "imageEncoder": {
        "type": "TinyViT",
        "embedDims": [64, 128, 160, 320],
        "depths": [2, 2, 6, 2],
        "numHeads": [2, 4, 5, 10],
        "windowSizes": [7, 7, 14, 7],
    },
}


def _tiny_vit() -> types.ModuleType:
    """The package's TinyViT alone: the rest wants torchvision and timm, of which a forward pass uses nothing."""
    spec = importlib.util.find_spec("segment_anything_hq")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit(
            "segment-anything-hq is missing; install it with: pip install --no-deps segment-anything-hq==0.3"
        )

    def module(name: str, **members: object) -> None:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)

    root = Path(next(iter(spec.submodule_search_locations)))
    module("segment_anything_hq", __path__=[str(root)])
    module("segment_anything_hq.modeling", __path__=[str(root / "modeling")])
    if importlib.util.find_spec("timm") is None:
        module("timm")
        module("timm.models")
        pair = {"to_2tuple": lambda side: (side, side), "trunc_normal_": nn.init.trunc_normal_}
        module("timm.models.layers", DropPath=nn.Identity, **pair)
        module("timm.models.registry", register_model=lambda function: function)
    return importlib.import_module("segment_anything_hq.modeling.tiny_vit_sam")


def build() -> nn.Module:
    """LiteMedSAM with the names of its state_dict. Call `eval` after loading: it is then that biases are looked up."""
    tiny_vit = _tiny_vit()

    class Encoder(tiny_vit.TinyViT):
        def __init__(self) -> None:
            sizes = CONFIG["imageEncoder"]
            # The stages' grids are a quarter of this size, and LiteMedSAM's stem does not reduce.
            super().__init__(
                img_size=4 * CONFIG["imageSize"],
                num_classes=0,
                embed_dims=sizes["embedDims"],
                depths=sizes["depths"],
                num_heads=sizes["numHeads"],
                window_sizes=sizes["windowSizes"],
                drop_path_rate=0.0,
            )
            dim = sizes["embedDims"][0]
            conv_bn = tiny_vit.Conv2d_BN
            self.patch_embed.seq = nn.Sequential(conv_bn(3, dim // 2, 1), nn.GELU(), conv_bn(dim // 2, dim, 1))
            self.img_size = CONFIG["imageSize"]
            del self.norm_head, self.head

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)[0]

    sam = nn.Module()
    dim, side = CONFIG["promptEmbedDim"], CONFIG["imageSize"]
    grid, decoder = side // CONFIG["patchSize"], CONFIG["maskDecoder"]
    sam.image_encoder = Encoder()
    sam.prompt_encoder = modeling.PromptEncoder(dim, (grid, grid), (side, side), CONFIG["maskInChans"])
    sam.mask_decoder = modeling.MaskDecoder(
        num_multimask_outputs=decoder["numMultimaskOutputs"],
        transformer=modeling.TwoWayTransformer(
            depth=decoder["depth"], embedding_dim=dim, mlp_dim=decoder["mlpDim"], num_heads=decoder["numHeads"]
        ),
        transformer_dim=dim,
        iou_head_depth=decoder["iouHeadDepth"],
        iou_head_hidden_dim=decoder["iouHeadHiddenDim"],
    )
    return sam


def is_its(state: dict[str, torch.Tensor]) -> bool:
    return "image_encoder.patch_embed.seq.0.c.weight" in state


# What TypeScript's layers do not have by that name, and what is wide and told by its neighbours.
_LEFT_OUT = re.compile(r"\.(c|bn|act\d?|drop|drop_path|fc[12]|qkv|proj)$|layers\.0\.blocks\.\d\.conv[12]$")
_TOKENS = re.compile(r"image_encoder\.layers\.\d(\.downsample|\.blocks\.\d(\.mlp(\.\w+)?)?)?$")


def as_here(record: Record) -> Record:
    """A record of the encoder in the form of this project, whose tokens stay maps [B, h, w, C] between the stages."""

    def turned(name: str, value: torch.Tensor) -> torch.Tensor:
        if not (_TOKENS.match(name) and value.ndim == 3):
            return value
        batch, tokens, width = value.shape
        side = round(tokens**0.5)
        return value.view(batch, side, side, width)

    kept = {k: v for k, v in record.items() if not (k.startswith("image_encoder") and _LEFT_OUT.search(k))}
    return {name: turned(name, value) for name, value in kept.items()}


def check() -> None:
    """Compares with LiteMedSAM's printed numbers."""
    sam = oracle.fill(build()).eval()
    assert len(sam.state_dict()) == 435, len(sam.state_dict())
    boxes = torch.tensor([[32.0, 40.0, 200.0, 160.0]])
    with torch.no_grad():
        embedding = sam.image_encoder(oracle.inp("input", (1, 3, 256, 256)))
        sparse, dense = sam.prompt_encoder(points=None, boxes=boxes, masks=None)
        positions = sam.prompt_encoder.get_dense_pe()
        single, multi = (sam.mask_decoder(embedding, positions, sparse, dense, many) for many in (False, True))

    def near(value: torch.Tensor, *expected: float) -> None:
        assert torch.allclose(value.float(), torch.tensor(expected), atol=1e-4), (value, expected)

    near(torch.stack([embedding.mean(), embedding.abs().mean()]), -0.003508, 0.819331)
    near(embedding.flatten()[[0, 1, 4096, 1048575]], -1.54459, -1.39225, -0.44161, 0.03715)
    masks = torch.cat([single[0], multi[0]], 1)
    near(torch.stack([masks.mean(), masks.abs().mean()]), -0.105083, 0.597629)
    near(torch.cat([single[1], multi[1]], 1)[0], -0.12441, 0.10239, 0.15461, 0.40143)
    counts = (masks > 0).sum((0, 2, 3)) - torch.tensor([34952, 38147, 20849, 14415])
    assert counts.abs().max() <= 3, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeded-weights", metavar="FILE", help="write the generator's LiteMedSAM to FILE")
    args = parser.parse_args()
    if args.seeded_weights is None:
        check()
        return print("LiteMedSAM in PyTorch gives its printed numbers")
    temporary = Path(f"{args.seeded_weights}.tmp")
    torch.save(oracle.fill(build()).state_dict(), temporary)
    temporary.replace(args.seeded_weights)


if __name__ == "__main__":
    main()
