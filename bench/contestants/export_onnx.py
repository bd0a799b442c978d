"""Writes SAM's image encoder as ONNX, with weights in a `.pth`: export_onnx.py ROOT WEIGHTS OUT."""

import sys
from pathlib import Path

import torch

root, weights, out = sys.argv[1:4]
sys.path.insert(0, str(Path(root) / "tools" / "convert"))
from reference import VIT_B  # noqa: E402
from sam import build  # noqa: E402

model = build(VIT_B)
model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
temporary = Path(f"{out}.tmp")
with torch.no_grad():
    torch.onnx.export(
        model.image_encoder,
        (torch.zeros(1, 3, 1024, 1024),),
        str(temporary),
        input_names=["pixels"],
        output_names=["embedding"],
        opset_version=17,
        dynamo=False,
    )
temporary.replace(out)
