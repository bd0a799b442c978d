"""Writes test/unit/weights/fixtures/names.json: names and shapes of ViT-B's state dict, in segment-anything and in
transformers. Needs one more package: `pip install transformers==5.23.0`.

    python tools/convert/make_name_fixtures.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn
from transformers import SamConfig, SamModel

from reference import VIT_B
from sam import build

FILE = Path(__file__).resolve().parents[2] / "test" / "unit" / "weights" / "fixtures" / "names.json"


def shapes(model: nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in model.state_dict().items()}


def main() -> None:
    with torch.device("meta"):
        names = {"segment-anything": shapes(build(VIT_B)), "transformers": shapes(SamModel(SamConfig()))}
    FILE.write_text(json.dumps(names, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
