"""Writes test/unit/weights/fixtures/: small files as `torch.save` writes them, and what PyTorch says they hold.

Those that must be read are in `expected.json` with each tensor's type, shape and bytes (contiguous, little-endian,
in hexadecimal). The others must be refused; the tests say how.

    python tools/convert/make_pth_fixtures.py
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "test" / "unit" / "weights" / "fixtures"

# PyTorch's format before 1.6.
LEGACY: dict[str, Any] = {"_use_new_zipfile_serialization": False}

Tensors = dict[str, torch.Tensor]

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def counting(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


def small_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(patch_embed=nn.Conv2d(1, 2, 2), norm=nn.LayerNorm(2), lin=nn.Linear(2, 3)))


def training(model: nn.Module) -> dict[str, Any]:
    """As MedSAM's training scripts save it, after a step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def dtypes() -> Tensors:
    floats = torch.tensor([0.0, -0.0, 1.5, -2.25, float("inf"), float("-inf"), float("nan"), 6e-8])
    whole = torch.tensor([0, 1, -1, 100, -128])
    return {
        **{str(dtype).removeprefix("torch."): floats.to(dtype) for dtype in DTYPES if dtype.is_floating_point},
        **{name: whole.to(getattr(torch, name)) for name in ("int64", "int32", "int16", "int8", "uint8")},
        "large": torch.tensor([2**63 - 1, -(2**63)]),
        "bool": torch.tensor([True, False, True]),
    }


def views() -> Tensors:
    grid, shared = counting(4, 6), counting(24)
    return {
        "transposed": grid.t(),
        "permuted": counting(2, 3, 4).permute(2, 0, 1),
        "stepped": grid[1::2, ::3],
        "inner": grid[1:3, 2:4],
        "rows": grid[2:],
        "shared": shared,
        "shared_again": shared,
        "shared_part": shared[5:9],
        "overlapping": shared.as_strided((3, 4), (2, 1), 1),
        "expanded": torch.tensor([7.0, 8.0])[:, None].expand(2, 5),
        "channels_last": counting(1, 2, 3, 2).contiguous(memory_format=torch.channels_last),
        "one_row_of_many": counting(5, 3)[4:5],
        "scalar": torch.tensor(3.5),
        "scalar_inside": shared[11],
        "empty": torch.empty(0),
        "empty_rows": torch.empty(2, 0, 3),
        "empty_view": grid[4:],
    }


class CallsSystem:
    """Runs a command where it is unpickled. The file names the module that `os.system` really comes from."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("echo this must never run",))


def hugging_face() -> Tensors:
    return {
        "shared_image_embedding.positional_embedding": counting(2, 3),
        "vision_encoder.pos_embed": counting(1, 2, 2, 3),
        "vision_encoder.layers.0.layer_norm1.weight": counting(3),
        "prompt_encoder.shared_embedding.positional_embedding": counting(2, 3),
        "mask_decoder.iou_prediction_head.proj_in.weight": counting(2, 2),
        "mask_decoder.iou_prediction_head.layers.0.weight": counting(2, 2) + 10,
        "mask_decoder.iou_prediction_head.proj_out.weight": counting(2, 2) + 20,
    }


def other_classes() -> dict[str, Any]:
    """What scripts save beside the weights, of classes that a state dict does not need."""
    return {
        "net": {f"_orig_mod.{name}": value for name, value in small_model().state_dict().items()},
        "args": argparse.Namespace(lr=1e-4, work_dir=Path("runs")),
        "best_dice": numpy.float64(0.5),
        "losses": numpy.arange(3.0),
        "device": torch.device("cpu"),
        "seen": {1, 2},
        "hook": CallsSystem(),
    }


def describe(tensor: torch.Tensor) -> dict[str, Any]:
    flat = tensor.detach().contiguous().reshape(-1)
    return {
        "dtype": DTYPES[tensor.dtype],
        "shape": list(tensor.shape),
        "hex": flat.view(torch.uint8).numpy().tobytes().hex(),
    }


def write_readable() -> None:
    trained, state = training(small_model()), small_model().state_dict()
    distributed = {f"module.{name}": value for name, value in state.items()}
    # name: what is saved, the tensors that it holds, further arguments of torch.save
    cases: dict[str, tuple[Any, Tensors, dict[str, Any]]] = {
        "plain": (state, state, {}),
        "training": (trained, trained["model"], {}),
        "distributed": ({"model": distributed, "optimizer": {}, "epoch": 0}, distributed, {}),
        "state_dict": ({"state_dict": state, "lr": [1e-3, 2**70, -5], "done": False, "note": "é"}, state, {}),
        "mixed_values": ({"a": counting(2), "epoch": 3, "best": None, 7: counting(1)}, {"a": counting(2)}, {}),
        "parameters": (parameters := {"weight": nn.Parameter(counting(2, 3)), "frozen": nn.Parameter(counting(2), False)}, parameters, {}),
        "dtypes": (dtypes(), dtypes(), {}),
        "views": (views(), views(), {}),
        "hugging_face": (hugging_face(), hugging_face(), {}),
        "other_classes": (other_classes(), other_classes()["net"], {}),
        "other_classes_protocol4": (other_classes(), other_classes()["net"], {"pickle_protocol": 4}),
        "legacy": (trained, trained["model"], LEGACY),
        "legacy_dtypes": (dtypes(), dtypes(), LEGACY),
        "legacy_views": (views(), views(), LEGACY),
        "legacy_other_classes": (other_classes(), other_classes()["net"], {**LEGACY, "pickle_protocol": 4}),
        **{f"protocol{n}": (trained, trained["model"], {"pickle_protocol": n}) for n in (3, 4, 5)},
    }
    expected = {}
    for name, (saved, tensors, arguments) in cases.items():
        torch.save(saved, FOLDER / f"{name}.pth", **arguments)
        expected[name] = {key: describe(tensor) for key, tensor in tensors.items()}
    (FOLDER / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


def write_refused() -> None:
    state = {"weight": counting(2, 2)}
    torch.save({"weight": CallsSystem()}, FOLDER / "os_system.pth")
    torch.save({"weight": CallsSystem()}, FOLDER / "legacy_os_system.pth", **LEGACY)
    torch.save(nn.Linear(2, 2), FOLDER / "whole_model.pth")
    torch.save({"weight": torch.ones(2, dtype=torch.complex64)}, FOLDER / "complex.pth")
    torch.save({"weight": torch.ones(2).to(torch.float8_e4m3fn)}, FOLDER / "float8.pth")
    torch.save({"weight": torch.ones(2, dtype=torch.complex64).conj().imag}, FOLDER / "negated.pth")
    torch.save({"weight": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, FOLDER / "quantised.pth")
    torch.save(counting(2), FOLDER / "bare_tensor.pth")
    torch.save({"optimizer": {"lr": 0.1}, "epoch": 1}, FOLDER / "no_tensors.pth")
    torch.save({"weight": torch.ones(2, dtype=torch.complex64)}, FOLDER / "legacy_complex.pth", **LEGACY)
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), FOLDER / "torchscript.pth")
    (FOLDER / "pickle.pth").write_bytes(pickle.dumps({"weight": [1.0, 2.0]}, protocol=4))


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_readable()
    write_refused()
