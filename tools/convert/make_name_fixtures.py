"""Writes test/unit/weights/fixtures/names.json: names and shapes of ViT-B's state dict, in segment-anything and in
transformers; and sam2_names.json, those of SAM 2.1 tiny in sam2 and in transformers, for videos and for images.

    python tools/convert/make_name_fixtures.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn
from transformers import Sam2Config, Sam2Model, Sam2VideoConfig, Sam2VideoModel, SamConfig, SamModel

import sam2_model
from reference import VIT_B
from sam import build

FOLDER = Path(__file__).resolve().parents[2] / "test" / "unit" / "weights" / "fixtures"


def shapes(model: nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in model.state_dict().items()}


def main() -> None:
    with torch.device("meta"):
        names = {"segment-anything": shapes(build(VIT_B)), "transformers": shapes(SamModel(SamConfig()))}
        sam2_names = {
            "transformers": shapes(Sam2VideoModel(Sam2VideoConfig())),
            "images": list(shapes(Sam2Model(Sam2Config()))),
        }
    sam2_names = {"sam2": shapes(sam2_model.build(sam2_model.MEDSAM2)), **sam2_names}
    for file, content in {"names.json": names, "sam2_names.json": sam2_names}.items():
        (FOLDER / file).write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
