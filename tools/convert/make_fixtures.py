"""Writes test/parity/fixtures/: small, nasty cases of every layer and of whole models, as PyTorch computes them.

    python tools/convert/make_fixtures.py

Weights come from the generator (oracle.py) by their names, so a file holds inputs, outputs, intermediates and
gradients alone. Tensors are PyTorch's: maps are [B, C, H, W] where upstream has them so. Metadata of each file is
`case`, JSON: what to build (see `LAYERS`, or the configuration of a model) and the version of PyTorch that made it.

Gradients are of the sum of the output's elements, each times element n of the stream `loss:<name of the output>`,
so that no symmetry hides an error. They stand under `grad.<state_dict path>` and `grad.input.<name>`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import oracle
import sam2_model as sam2
from presets import predict_lite, predict_medsam, predict_sam
from sam import Config, Record, build, capture, common, image_encoder, mask_decoder, transformer

FOLDER = Path(__file__).resolve().parents[2] / "test" / "parity" / "fixtures"


def signed(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """An input in [-1, 1)."""
    return oracle.inp(name, shape) * 2 - 1


def loss_of(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for name, value in outputs.items():
        weights = torch.from_numpy(oracle.uniform(f"loss:{name}", value.numel())).reshape(value.shape)
        total = total + (value.double() * weights.float().double()).sum()
    return total


def save(name: str, case: dict[str, Any], tensors: Record) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    # One entry: safetensors writes several in an order that changes from run to run.
    metadata = {"case": json.dumps({**case, "torch": torch.__version__})}
    save_file({key: value.detach().contiguous().float() for key, value in tensors.items()}, FOLDER / f"{name}.safetensors", metadata)


@contextmanager
def double_precision() -> Iterator[None]:
    """Upstream's code computes in double precision inside: it names float32 in a few places, which mean double here.

    Gradients are taken so. In single precision the gradient of a key's bias, which is zero, is PyTorch's own rounding,
    and nothing can be held to that.
    """
    single = torch.float32
    torch.float = torch.float32 = torch.float64
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float = torch.float32 = single
        torch.set_default_dtype(single)


def as_double(value: Any) -> Any:
    """Tensors, and tuples of them, in double precision."""
    if isinstance(value, tuple):
        return tuple(as_double(item) for item in value)
    return value.double() if isinstance(value, torch.Tensor) else value


# Each layer: how TypeScript builds it (name and options), the module, its inputs, and the names of its outputs.
Layer = tuple[str, dict[str, Any], Callable[[], nn.Module], dict[str, torch.Tensor]]

LAYERS: dict[str, Layer] = {
    "linear": (
        "Linear",
        {"inFeatures": 6, "outFeatures": 5},
        lambda: nn.Linear(6, 5),
        {"x": signed("x", (2, 3, 6))},
    ),
    "conv2d-3x3": (
        "Conv2d",
        {"inChannels": 3, "outChannels": 4, "kernelSize": 3, "padding": 1, "bias": False},
        lambda: nn.Conv2d(3, 4, 3, padding=1, bias=False),
        {"x": signed("x", (2, 3, 5, 7))},
    ),
    "conv2d-stride": (
        "Conv2d",
        {"inChannels": 3, "outChannels": 4, "kernelSize": 2, "stride": 2},
        lambda: nn.Conv2d(3, 4, 2, stride=2),
        {"x": signed("x", (2, 3, 4, 6))},
    ),
    "depthwise-conv2d": (
        "DepthwiseConv2d",
        {"channels": 4, "kernelSize": 3, "stride": 2, "padding": 1, "bias": False},
        lambda: nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4, bias=False),
        {"x": signed("x", (2, 4, 5, 8))},
    ),
    "conv-transpose2d": (
        "ConvTranspose2d",
        {"inChannels": 4, "outChannels": 3, "kernelSize": 2},
        lambda: nn.ConvTranspose2d(4, 3, 2, stride=2),
        {"x": signed("x", (2, 4, 3, 5))},
    ),
    "layer-norm": (
        "LayerNorm",
        {"dim": 6, "eps": 1e-6},
        lambda: nn.LayerNorm(6, eps=1e-6),
        {"x": signed("x", (2, 3, 6))},
    ),
    "layer-norm-2d": (
        "LayerNorm2d",
        {"dim": 6},
        lambda: common.LayerNorm2d(6),
        {"x": signed("x", (2, 6, 3, 5))},
    ),
    # Values from where the function is zero to where it is the identity.
    "gelu": ("Gelu", {}, nn.GELU, {"x": 6 * signed("x", (4, 16))}),
    "mlp-block": (
        "MlpBlock",
        {"dim": 6, "hiddenDim": 12},
        lambda: common.MLPBlock(6, 12),
        {"x": signed("x", (2, 3, 6))},
    ),
    "mlp-head": (
        "Mlp",
        {"inputDim": 6, "hiddenDim": 8, "outputDim": 3, "numLayers": 3},
        lambda: mask_decoder.MLP(6, 8, 3, 3),
        {"x": signed("x", (2, 6))},
    ),
    "patch-embed": (
        "PatchEmbed",
        {"patchSize": 4, "inChannels": 3, "embedDim": 5},
        lambda: image_encoder.PatchEmbed((4, 4), (4, 4), (0, 0), 3, 5),
        {"x": oracle.inp("x", (2, 3, 8, 12))},
    ),
    "grid-attention-5x7": (
        "GridAttention",
        {"dim": 8, "numHeads": 2, "inputSize": [5, 7]},
        lambda: image_encoder.Attention(8, 2, True, True, True, (5, 7)),
        {"x": signed("x", (2, 5, 7, 8))},
    ),
    # The tables are made for 4 x 4 and read on 6 x 3: one is stretched, one shrunk.
    "grid-attention-interpolated": (
        "GridAttention",
        {"dim": 8, "numHeads": 2, "inputSize": [4, 4]},
        lambda: image_encoder.Attention(8, 2, True, True, True, (4, 4)),
        {"x": signed("x", (1, 6, 3, 8))},
    ),
    # 7 x 5 tokens in windows of 3: padding 2 below and 1 at the right.
    "block-windowed": (
        "EncoderBlock",
        {"dim": 8, "numHeads": 2, "mlpRatio": 2, "windowSize": 3, "inputSize": [7, 5]},
        lambda: image_encoder.Block(8, 2, 2.0, True, _norm, nn.GELU, True, True, 3, (7, 5)),
        {"x": signed("x", (2, 7, 5, 8))},
    ),
    "block-global": (
        "EncoderBlock",
        {"dim": 8, "numHeads": 4, "mlpRatio": 4, "windowSize": 0, "inputSize": [4, 6]},
        lambda: image_encoder.Block(8, 4, 4.0, True, _norm, nn.GELU, True, True, 0, (4, 6)),
        {"x": signed("x", (2, 4, 6, 8))},
    ),
    "token-attention": (
        "TokenAttention",
        {"embeddingDim": 8, "numHeads": 2, "downsampleRate": 2},
        lambda: transformer.Attention(8, 2, 2),
        {"q": signed("q", (2, 3, 8)), "k": signed("k", (2, 5, 8)), "v": signed("v", (2, 5, 8))},
    ),
    **{
        name: (
            "TwoWayAttentionBlock",
            {"embeddingDim": 8, "numHeads": 2, "mlpDim": 16, "skipFirstLayerPe": first},
            lambda first=first: transformer.TwoWayAttentionBlock(8, 2, 16, nn.ReLU, 2, first),
            {
                "queries": signed("queries", (2, 3, 8)),
                "keys": signed("keys", (2, 6, 8)),
                "query_pe": signed("query_pe", (2, 3, 8)),
                "key_pe": signed("key_pe", (2, 6, 8)),
            },
        )
        for name, first in [("two-way-block-first", True), ("two-way-block-later", False)]
    },
    # SAM 2's.
    "depthwise-conv2d-bias": (
        "DepthwiseConv2d",
        {"channels": 3, "kernelSize": 7, "padding": 3},
        lambda: nn.Conv2d(3, 3, 7, padding=3, groups=3),
        {"x": signed("x", (2, 3, 5, 8))},
    ),
    "patch-embed-overlapping": (
        "PatchEmbed",
        {"patchSize": 4, "kernelSize": 7, "padding": 3, "inChannels": 3, "embedDim": 5},
        lambda: sam2.backbone_utils.PatchEmbed(embed_dim=5),
        {"x": oracle.inp("x", (2, 3, 8, 12))},
    ),
    "mlp-gelu": (
        "Mlp",
        {"inputDim": 6, "hiddenDim": 8, "outputDim": 3, "numLayers": 2, "act": "gelu"},
        lambda: sam2.sam2_utils.MLP(6, 8, 3, 2, activation=nn.GELU),
        {"x": signed("x", (2, 3, 6))},
    ),
    "mlp-sigmoid": (
        "Mlp",
        {"inputDim": 6, "hiddenDim": 8, "outputDim": 3, "numLayers": 3, "sigmoidOutput": True},
        lambda: sam2.sam2_utils.MLP(6, 8, 3, 3, sigmoid_output=True),
        {"x": signed("x", (2, 6))},
    ),
    "two-way-block-mlp-layers": (
        "TwoWayAttentionBlock",
        {"embeddingDim": 8, "numHeads": 2, "mlpDim": 16, "mlpLayers": True, "skipFirstLayerPe": False},
        lambda: sam2.transformer.TwoWayAttentionBlock(8, 2, 16, nn.ReLU, 2, False),
        {
            "queries": signed("queries", (2, 3, 8)),
            "keys": signed("keys", (2, 6, 8)),
            "query_pe": signed("query_pe", (2, 3, 8)),
            "key_pe": signed("key_pe", (2, 6, 8)),
        },
    ),
    "token-attention-key-width": (
        "TokenAttention",
        {"embeddingDim": 8, "numHeads": 1, "kvInDim": 6},
        lambda: sam2.transformer.Attention(8, 1, kv_in_dim=6),
        {"q": signed("q", (2, 3, 8)), "k": signed("k", (2, 5, 6)), "v": signed("v", (2, 5, 6))},
    ),
    # A grid of 3 x 3; upstream knows square ones alone.
    "rotary-attention": (
        "RotaryAttention",
        {"embeddingDim": 16, "numHeads": 2},
        lambda: sam2.transformer.RoPEAttention(16, 2, feat_sizes=(3, 3)),
        {name: signed(name, (2, 9, 16)) for name in "qkv"},
    ),
    # Keys of two grids, one after the other, and three that have no place; angles for another grid at first.
    "rotary-attention-memories": (
        "RotaryAttention",
        {"embeddingDim": 16, "numHeads": 1, "kvInDim": 4, "numKExcludeRope": 3},
        lambda: sam2.transformer.RoPEAttention(16, 1, kv_in_dim=4, rope_k_repeat=True, feat_sizes=(2, 2)),
        {"q": signed("q", (2, 9, 16)), "k": signed("k", (2, 21, 4)), "v": signed("v", (2, 21, 4))},
    ),
    "multi-scale-attention": (
        "MultiScaleAttention",
        {"dim": 6, "dimOut": 8, "numHeads": 2},
        lambda: sam2.hieradet.MultiScaleAttention(6, 8, 2),
        {"x": signed("x", (2, 5, 3, 6))},
    ),
    # A column is left over.
    "multi-scale-attention-pooled": (
        "MultiScaleAttention",
        {"dim": 6, "dimOut": 8, "numHeads": 2, "qStride": 2},
        lambda: sam2.hieradet.MultiScaleAttention(6, 8, 2, nn.MaxPool2d(2, 2, ceil_mode=False)),
        {"x": signed("x", (2, 4, 7, 6))},
    ),
    # 6 x 10 tokens in windows of 4, padded to 8 x 12; then pooled to 3 x 5.
    **{
        name: (
            "MultiScaleBlock",
            {"dim": dim, "dimOut": 8, "numHeads": 2, "mlpRatio": 4, "windowSize": window, "qStride": stride},
            lambda dim=dim, window=window, stride=stride: sam2.hieradet.MultiScaleBlock(
                dim, 8, 2, window_size=window, q_stride=(stride, stride) if stride > 1 else None
            ),
            {"x": signed("x", (*shape, dim))},
        )
        for name, shape, dim, window, stride in [
            ("multi-scale-block-windowed", (1, 6, 10), 8, 4, 1),
            ("multi-scale-block-pooled", (2, 6, 10), 6, 4, 2),
            ("multi-scale-block-global", (2, 4, 5), 8, 0, 1),
        ]
    },
    "cx-block": (
        "CXBlock",
        {"dim": 4},
        lambda: sam2.memory_encoder.CXBlock(4),
        {"x": signed("x", (2, 4, 5, 7))},
    ),
}


def _norm(dim: int) -> nn.LayerNorm:
    return nn.LayerNorm(dim, eps=1e-6)


def named_outputs(result: Any) -> dict[str, torch.Tensor]:
    """`output`, or of a two-way block `output.queries` and `output.keys`."""
    return {"output.queries": result[0], "output.keys": result[1]} if isinstance(result, tuple) else {"output": result}


def make_layers() -> None:
    """One file a layer: `input.*`, `output.*`, every inner output under its path, and gradients of all."""
    for name, (layer, options, make, inputs) in LAYERS.items():
        module = oracle.fill(make())
        is_sam2 = type(module).__module__.startswith("sam2.")
        # Of an attention that takes more than tensors.
        rest = [options["numKExcludeRope"]] if "numKExcludeRope" in options else []
        with (sam2.capture if is_sam2 else capture)(module) as record, torch.no_grad():
            outputs = named_outputs(module(*inputs.values(), *rest))
        exact = copy.deepcopy(module).double()
        leaves = {key: value.double().requires_grad_() for key, value in inputs.items()}
        with double_precision():
            loss_of(named_outputs(exact(*leaves.values(), *rest))).backward()
        tensors: Record = {f"input.{key}": value for key, value in inputs.items()}
        tensors |= {key: value for key, value in record.items() if key}
        tensors |= outputs
        tensors |= {f"grad.input.{key}": leaf.grad for key, leaf in leaves.items()}
        tensors |= {f"grad.{key}": p.grad for key, p in exact.named_parameters() if p.grad is not None}
        save(f"layer-{name}", {"layer": layer, "options": options}, tensors)


# Grid 6 x 6 in windows of 4: padding on both sides. Few channels, so that all intermediates fit; but as many for
# masks as SAM has: the first norm on their way has a quarter of them, and over one channel a norm is constant.
SMALL: Config = {
    "imageSize": 48,
    "patchSize": 8,
    "imageEncoder": {"embedDim": 16, "depth": 3, "numHeads": 2, "mlpRatio": 2, "windowSize": 4, "globalAttnIndexes": [1]},
    "promptEmbedDim": 16,
    "maskInChans": 16,
    "maskDecoder": {
        "depth": 2,
        "numHeads": 2,
        "mlpDim": 24,
        "numMultimaskOutputs": 3,
        "iouHeadDepth": 3,
        "iouHeadHiddenDim": 12,
    },
}

BOX = torch.tensor([[5.0, 9.0, 31.0, 40.0]])
THREE_BOXES = torch.tensor([[5.0, 9.0, 31.0, 40.0], [0.0, 0.0, 48.0, 48.0], [20.5, 3.25, 24.0, 44.0]])
POINTS = (torch.tensor([[[10.0, 30.0], [40.5, 7.0]]]), torch.tensor([[1.0, 0.0]]))
PADDED = (torch.tensor([[[10.0, 30.0], [0.0, 0.0]]]), torch.tensor([[1.0, -1.0]]))
MASK = 20 * oracle.inp("mask", (1, 1, 24, 24)) - 10

# Prompts by state_dict-like names, the number of images, and whether several masks are asked for.
MODELS: dict[str, dict[str, Any]] = {
    "box": {"boxes": BOX},
    "three-boxes": {"boxes": THREE_BOXES},
    "points": {"points": POINTS},
    "padding-point": {"points": PADDED},
    "box-and-points": {"boxes": BOX, "points": POINTS, "multimask": True},
    "mask": {"masks": MASK, "multimask": True},
    "box-points-mask": {"boxes": BOX, "points": POINTS, "masks": MASK},
    "two-images": {"boxes": THREE_BOXES[:2], "images": 2},
}


def run_model(sam: nn.Module, images: torch.Tensor, boxes=None, points=None, masks=None, multimask=False):
    """Encoder, prompt encoder and decoder on B prompts of one image, or on one prompt of each of B images."""
    embedding = sam.image_encoder(images)
    sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=masks)
    pe = sam.prompt_encoder.get_dense_pe()
    if len(images) == 1:
        return sam.mask_decoder(embedding, pe, sparse, dense, multimask)
    # MedSAM pairs images and prompts, which upstream's decoder does not: one after the other is the same.
    pairs = [sam.mask_decoder(embedding[i : i + 1], pe, sparse[i : i + 1], dense[i : i + 1], multimask) for i in range(len(images))]
    return torch.cat([m for m, _ in pairs]), torch.cat([s for _, s in pairs])


def make_models() -> None:
    for name, prompts in MODELS.items():
        prompts = dict(prompts)
        count, multimask = prompts.pop("images", 1), prompts.pop("multimask", False)
        sam = oracle.fill(build(SMALL))
        images = oracle.inp("input", (count, 3, 48, 48))
        with capture(sam) as record, torch.no_grad():
            masks, scores = run_model(sam, images, multimask=multimask, **prompts)
        exact, leaf = copy.deepcopy(sam).double(), images.double().requires_grad_()
        with double_precision():
            doubles = {key: as_double(value) for key, value in prompts.items()}
            results = run_model(exact, leaf, multimask=multimask, **doubles)
            loss_of(dict(zip(("masks", "iou_predictions"), results))).backward()
        tensors: Record = {"input.image": images}
        if "boxes" in prompts:
            tensors["input.boxes"] = prompts["boxes"]
        if "points" in prompts:
            tensors["input.point_coords"], tensors["input.point_labels"] = prompts["points"]
        if "masks" in prompts:
            tensors["input.mask_input"] = prompts["masks"]
        if count > 1:
            # The decoder ran once an image here: its record is of the last run.
            record = {k: v for k, v in record.items() if not k.startswith("mask_decoder")}
            record |= {"mask_decoder.masks": masks, "mask_decoder.iou_predictions": scores}
        tensors |= record
        tensors["prompt_encoder.dense_pe"] = sam.prompt_encoder.get_dense_pe()
        tensors["grad.input.image"] = leaf.grad
        tensors |= {f"grad.{k}": p.grad for k, p in exact.named_parameters() if p.grad is not None}
        save(f"model-{name}", {"config": SMALL, "multimask": multimask}, tensors)


def dice_and_bce(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """MedSAM's two losses: MONAI's `DiceLoss(sigmoid=True, squared_pred=True)`, and PyTorch's BCE with logits."""
    p = torch.sigmoid(logits)
    both, sizes = (p * target).sum((2, 3)), (target**2).sum((2, 3)) + (p**2).sum((2, 3))
    dice = (1 - (2 * both + 1e-5) / (sizes + 1e-5)).mean()
    return dice, nn.functional.binary_cross_entropy_with_logits(logits, target)


def make_training() -> None:
    """A training step of MedSAM up to its gradients: two images with a box each, logits upsampled to the image's
    size, Dice plus BCE. The prompt encoder's gradients are there too, though MedSAM's scripts freeze it; the head
    for scores has none, the loss not depending on it.
    """
    sam = oracle.fill(build(SMALL))
    images = oracle.inp("input", (2, 3, 48, 48)).requires_grad_()
    boxes = THREE_BOXES[[0, 2]]
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    x0, y0, x1, y1 = boxes[:, :, None, None].unbind(1)
    # An ellipse in each box, of unlike sizes: the mean of two Dice losses is not the Dice of both together.
    radius = ((2 * columns - x0 - x1) / (x1 - x0)) ** 2 + ((2 * rows - y0 - y1) / (y1 - y0)) ** 2
    target = (radius <= 1).float()[:, None]
    low_res, _ = run_model(sam, images, boxes=boxes)
    logits = nn.functional.interpolate(low_res, size=(48, 48), mode="bilinear", align_corners=False)
    dice, bce = dice_and_bce(logits, target)
    (dice + bce).backward()
    tensors: Record = {"input.image": images, "input.boxes": boxes, "input.target": target}
    tensors |= {"low_res_logits": low_res, "logits": logits, "loss.dice": dice, "loss.bce": bce}
    tensors["grad.input.image"] = images.grad
    tensors |= {f"grad.{k}": p.grad for k, p in sam.named_parameters() if p.grad is not None}
    save("training-two-images", {"config": SMALL}, tensors)


# 60 rows of 90 columns: not square, and larger than the input of 48, so that both resizes smooth.
PHOTO = (oracle.inp("photo", (60, 90, 3)).numpy() * 256).astype(np.uint8)
PHOTO_BOXES = torch.tensor([[10.0, 8.0, 60.0, 50.0], [0.0, 0.0, 90.0, 60.0]])


def make_predictors() -> None:
    """The ways from a file's pixels to masks: MedSAM_Inference.py's, SamPredictor's and LiteMedSAM's."""
    sam = oracle.fill(build(SMALL))
    for name, predict in {"medsam": predict_medsam, "sam": predict_sam, "lite": predict_lite}.items():
        tensors: Record = {"input.pixels": torch.from_numpy(PHOTO).float(), "input.boxes": PHOTO_BOXES}
        with torch.no_grad():
            tensors |= predict(sam, PHOTO, PHOTO_BOXES)
        save(f"predictor-{name}", {"config": SMALL, "preset": name}, tensors)


if __name__ == "__main__":
    torch.set_num_threads(2)
    oracle.check()
    for old in FOLDER.glob("*.safetensors"):
        if not old.name.startswith("sam2-"):  # make_sam2_fixtures.py
            old.unlink()
    make_layers()
    make_models()
    make_training()
    make_predictors()
    files = sorted(FOLDER.glob("*.safetensors"))
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB in {FOLDER.name}/")
