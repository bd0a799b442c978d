"""The reference: segment-anything's own modules, and a record of everything that happens inside them."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn


# What ATen's cpu/vml.h hands to MKL.
ELEMENTWISE = "acos asin atan cos cosh erf erfc erfinv exp expm1 log log10 log1p log2 sin sinh sqrt tan tanh".split()


def _settle() -> None:
    """Calls each elementwise function of Intel's MKL once, on one element, hence in one thread.

    MKL chooses a function's kernel when it is first called. Where two threads do that at once, one of them may take the
    kernel of low accuracy for its share (pytorch/pytorch#188792): one first `sqrt` in hundreds was wrong by 3e-4.
    """
    for dtype in (torch.float32, torch.float64):
        one = torch.full((1,), 0.5, dtype=dtype)
        for name in ELEMENTWISE:
            getattr(torch, name)(one)


_settle()


def _modeling() -> types.ModuleType:
    """`segment_anything.modeling` without the package's `__init__`, which imports torchvision."""
    if "segment_anything" not in sys.modules:
        spec = importlib.util.find_spec("segment_anything")
        if spec is None or spec.submodule_search_locations is None:
            raise SystemExit("segment-anything is missing; install it with: pip install --no-deps segment-anything==1.0")
        package = types.ModuleType("segment_anything")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["segment_anything"] = package
    return importlib.import_module("segment_anything.modeling")


modeling = _modeling()
image_encoder = importlib.import_module("segment_anything.modeling.image_encoder")
transformer = importlib.import_module("segment_anything.modeling.transformer")
mask_decoder = importlib.import_module("segment_anything.modeling.mask_decoder")
common = importlib.import_module("segment_anything.modeling.common")
prompt_encoder = importlib.import_module("segment_anything.modeling.prompt_encoder")

Config = dict[str, Any]

# Of SAM's mask decoder, whatever the encoder; at the widths of `build_sam.py`.
SAM_DECODER: Config = {
    "depth": 2,
    "numHeads": 8,
    "mlpDim": 2048,
    "numMultimaskOutputs": 3,
    "iouHeadDepth": 3,
    "iouHeadHiddenDim": 256,
}


def build(config: Config) -> nn.Module:
    """A SAM of this configuration (TypeScript's `SamConfig`), as `build_sam.py` puts it together."""
    sizes, decoder = config["imageEncoder"], config["maskDecoder"]
    dim, grid = config["promptEmbedDim"], config["imageSize"] // config["patchSize"]
    return modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            img_size=config["imageSize"],
            patch_size=config["patchSize"],
            embed_dim=sizes["embedDim"],
            depth=sizes["depth"],
            num_heads=sizes["numHeads"],
            mlp_ratio=sizes["mlpRatio"],
            window_size=sizes["windowSize"],
            global_attn_indexes=tuple(sizes["globalAttnIndexes"]),
            out_chans=dim,
            qkv_bias=True,
            use_rel_pos=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=dim,
            image_embedding_size=(grid, grid),
            input_image_size=(config["imageSize"], config["imageSize"]),
            mask_in_chans=config["maskInChans"],
        ),
        mask_decoder=modeling.MaskDecoder(
            num_multimask_outputs=decoder["numMultimaskOutputs"],
            transformer=modeling.TwoWayTransformer(
                depth=decoder["depth"],
                embedding_dim=dim,
                mlp_dim=decoder["mlpDim"],
                num_heads=decoder["numHeads"],
            ),
            transformer_dim=dim,
            iou_head_depth=decoder["iouHeadDepth"],
            iou_head_hidden_dim=decoder["iouHeadHiddenDim"],
        ),
    ).eval()


def recognise(state: dict[str, torch.Tensor]) -> Config:
    """The configuration of a checkpoint, read off its shapes; the decoder's heads are SAM's 8."""
    _, grid, _, embed_dim = state["image_encoder.pos_embed"].shape
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]

    def count(pattern: str) -> int:
        index = 0
        while pattern.format(index) in state:
            index += 1
        return index

    depth = count("image_encoder.blocks.{}.attn.rel_pos_h")
    tables = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape for i in range(depth)]
    is_global = [rows == 2 * grid - 1 for rows, _ in tables]
    return {
        "family": "sam",
        "imageSize": grid * patch,
        "patchSize": patch,
        "imageEncoder": {
            "type": "ViT",
            "embedDim": embed_dim,
            "depth": depth,
            "numHeads": embed_dim // tables[0][1],
            "mlpRatio": state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0] / embed_dim,
            "windowSize": next(((rows + 1) // 2 for (rows, _), g in zip(tables, is_global) if not g), grid),
            "globalAttnIndexes": [i for i, g in enumerate(is_global) if g],
        },
        "promptEmbedDim": state["image_encoder.neck.0.weight"].shape[0],
        "maskInChans": state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
        "maskDecoder": {
            "depth": count("mask_decoder.transformer.layers.{}.norm1.weight"),
            "numHeads": 8,
            "mlpDim": state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
            "numMultimaskOutputs": state["mask_decoder.mask_tokens.weight"].shape[0] - 1,
            "iouHeadDepth": count("mask_decoder.iou_prediction_head.layers.{}.weight"),
            "iouHeadHiddenDim": state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
        },
    }


# Names of the outputs of modules that give two.
PAIRS: dict[type, tuple[str, str]] = {
    modeling.PromptEncoder: ("sparse_embeddings", "dense_embeddings"),
    modeling.TwoWayTransformer: ("queries", "keys"),
    transformer.TwoWayAttentionBlock: ("queries", "keys"),
    modeling.MaskDecoder: ("masks", "iou_predictions"),
}
Record = dict[str, torch.Tensor]


@contextmanager
def capture(root: nn.Module, *, attention: bool = True) -> Iterator[Record]:
    """Records the outputs of all modules of `root` while the context is open, by state_dict path, and named
    intermediates inside attention and mask decoder. The code that runs stays upstream's own: hooks listen at
    modules, and the few functions that upstream calls between them are wrapped.

    With `attention=False` q, k, v and scores are left out, which at full size are gigabytes.
    """
    record: Record = {}
    running: list[tuple[str, nn.Module]] = []
    handles = []

    def keep(name: str, value: torch.Tensor) -> None:
        record[name] = value.detach().clone()

    def enter(path: str, module: nn.Module) -> Callable[..., None]:
        def hook(_module: nn.Module, args: tuple[Any, ...]) -> None:
            running.append((path, module))
            parent = running[-2] if len(running) > 1 else None
            if parent and isinstance(module, modeling.TwoWayTransformer):
                keep(join(parent[0], "tokens"), args[2])
            elif parent and path.endswith("blocks.0") and isinstance(parent[1], modeling.ImageEncoderViT):
                keep(join(parent[0], "tokens"), args[0])
            # The input of the last projection is what the heads attended to.
            if parent and path.endswith((".proj", ".out_proj")) and isinstance(parent[1], ATTENTIONS):
                keep(join(parent[0], "heads"), args[0])

        return hook

    def leave(path: str, module: nn.Module) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
            running.pop()
            if isinstance(output, torch.Tensor):
                keep(path, output)
            elif type(module) in PAIRS:
                for name, value in zip(PAIRS[type(module)], output):
                    keep(join(path, name), value)
            parent = running[-1] if running else None
            if attention and parent and path.endswith(".qkv") and isinstance(parent[1], image_encoder.Attention):
                heads = parent[1].num_heads
                b, h, w, _ = output.shape
                parted = output.reshape(b, h * w, 3, heads, -1).permute(2, 0, 3, 1, 4).reshape(3, b * heads, h * w, -1)
                for name, value in zip("qkv", parted):
                    keep(join(parent[0], name), value)
            if attention and parent and isinstance(parent[1], transformer.Attention):
                name = path.rsplit(".", 1)[-1]
                if name in ("q_proj", "k_proj", "v_proj"):
                    keep(join(parent[0], name[0]), parent[1]._separate_heads(output, parent[1].num_heads))

        return hook

    for path, module in root.named_modules():
        if isinstance(module, prompt_encoder.PositionEmbeddingRandom):
            continue
        handles += [
            module.register_forward_pre_hook(enter(path, module)),
            module.register_forward_hook(leave(path, module)),
        ]

    add_rel_pos, softmax, predict = (
        image_encoder.add_decomposed_rel_pos,
        torch.softmax,
        modeling.MaskDecoder.predict_masks,
    )

    def recorded_rel_pos(*args: Any) -> torch.Tensor:
        scores = add_rel_pos(*args)
        if attention:
            keep(join(running[-1][0], "scores"), scores)
        return scores

    def recorded_softmax(scores: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if attention and running and isinstance(running[-1][1], transformer.Attention):
            keep(join(running[-1][0], "scores"), scores)
        return softmax(scores, *args, **kwargs)

    def recorded_predict(decoder: nn.Module, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        path = running[-1][0]
        masks, iou = predict(decoder, *args, **kwargs)
        heads = [record[join(path, f"output_hypernetworks_mlps.{i}")] for i in range(decoder.num_mask_tokens)]
        keep(join(path, "hyper_in"), torch.stack(heads, dim=1))
        keep(join(path, "upscaled_embedding"), record[join(path, "output_upscaling")])
        keep(join(path, "all_masks"), masks)
        keep(join(path, "all_iou_predictions"), iou)
        return masks, iou

    image_encoder.add_decomposed_rel_pos = recorded_rel_pos
    torch.softmax = recorded_softmax
    modeling.MaskDecoder.predict_masks = recorded_predict
    try:
        yield record
    finally:
        image_encoder.add_decomposed_rel_pos = add_rel_pos
        torch.softmax = softmax
        modeling.MaskDecoder.predict_masks = predict
        for handle in handles:
            handle.remove()


ATTENTIONS = (image_encoder.Attention, transformer.Attention)


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
