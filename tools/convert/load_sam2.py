"""Loads converted weights of MedSAM2 where they belong, with strict=True: `sam2`'s own model takes the file with the
original names, transformers' `Sam2VideoModel` the one with its names.

    python tools/convert/load_sam2.py --before medsam2.pt --original F --huggingface F

Every value must be the one that was converted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import Sam2VideoConfig, Sam2VideoModel

import sam2_model as sam2

# transformers has this table twice, and saves it once.
TABLE = "shared_image_embedding.positional_embedding"
TIED = "prompt_encoder.shared_embedding.positional_embedding"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "original", "huggingface"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    options = parser.parse_args()
    before = torch.load(options.before, map_location="cpu", weights_only=True)["model"]

    model = sam2.build(sam2.MEDSAM2)
    model.load_state_dict(load_file(options.original), strict=True)
    for name, value in model.state_dict().items():
        assert value.equal(before[name]), name

    theirs = Sam2VideoModel(Sam2VideoConfig())
    weights = load_file(options.huggingface)
    theirs.load_state_dict({**weights, TIED: weights[TABLE]}, strict=True)
    points = theirs.state_dict()["prompt_encoder.point_embed.weight"]
    for n, row in enumerate(points):
        assert row[None].equal(before[f"sam_prompt_encoder.point_embeddings.{n}.weight"]), n


if __name__ == "__main__":
    main()
