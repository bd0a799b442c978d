"""The reference for SAM 2: the modules of the package `sam2`, and a record of everything that happens inside them.

    SAM2_BUILD_CUDA=0 pip install --no-deps --no-build-isolation sam2==1.1.0
    pip install iopath==0.1.10

MedSAM2 is SAM 2.1 with Hiera-T at 512. Run without arguments, this file checks itself against the numbers that the
specification prints for it. With `--seeded-weights FILE` it writes a checkpoint of MedSAM2 with the generator's weights.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import oracle
from sam import SAM_DECODER, Config, Record, join


def _package() -> None:
    """`sam2` without the package's `__init__`, which imports hydra, whose configurations are not needed."""
    if "sam2" in sys.modules:
        return
    spec = importlib.util.find_spec("sam2")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit(
            "sam2 is missing; install it with: SAM2_BUILD_CUDA=0 pip install --no-deps --no-build-isolation sam2==1.1.0"
        )
    package = types.ModuleType("sam2")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["sam2"] = package


_package()
hieradet = importlib.import_module("sam2.modeling.backbones.hieradet")
image_encoder = importlib.import_module("sam2.modeling.backbones.image_encoder")
backbone_utils = importlib.import_module("sam2.modeling.backbones.utils")
memory_attention = importlib.import_module("sam2.modeling.memory_attention")
memory_encoder = importlib.import_module("sam2.modeling.memory_encoder")
position_encoding = importlib.import_module("sam2.modeling.position_encoding")
sam2_utils = importlib.import_module("sam2.modeling.sam2_utils")
transformer = importlib.import_module("sam2.modeling.sam.transformer")
mask_decoder = importlib.import_module("sam2.modeling.sam.mask_decoder")
prompt_encoder = importlib.import_module("sam2.modeling.sam.prompt_encoder")
sam2_base = importlib.import_module("sam2.modeling.sam2_base")
# Objects together, as MedSAM2's own predictor; the newer one of the package runs them one by one.
video_predictor = importlib.import_module("sam2.sam2_video_predictor_legacy")

# TypeScript's `MEDSAM2`.
MEDSAM2: Config = {
    "family": "sam2",
    "imageSize": 512,
    "patchSize": 16,
    "imageEncoder": {
        "type": "Hiera",
        "embedDim": 96,
        "numHeads": 1,
        "stages": [1, 2, 7, 2],
        "globalAttBlocks": [5, 7, 9],
        "windowPosEmbedBkgSpatialSize": [7, 7],
        "windowSpec": [8, 4, 14, 7],
    },
    "promptEmbedDim": 256,
    "maskInChans": 16,
    "maskDecoder": SAM_DECODER,
    "memoryAttention": {"numLayers": 4, "dimFeedforward": 2048},
    "memoryEncoder": {"outDim": 64, "numLayers": 2},
    "numMaskmem": 7,
    "maxObjPtrsInEncoder": 16,
}


def build(config: Config, predictor: type | None = None, **options: Any) -> nn.Module:
    """A SAM 2.1 of this configuration (TypeScript's `Sam2Config`), with the values of its yaml files and the overrides
    of `build_sam2_video_predictor`.

    `predictor` is the class; by default the video predictor, without filling holes, for which a CUDA extension is needed.
    """
    trunk, dim, memory = config["imageEncoder"], config["promptEmbedDim"], config["memoryEncoder"]["outDim"]
    grid = config["imageSize"] // config["patchSize"]
    widths = [trunk["embedDim"] * 2**stage for stage in range(len(trunk["stages"]))]
    attention = {
        "embedding_dim": dim,
        "num_heads": 1,
        "downsample_rate": 1,
        "dropout": 0.1,
        "rope_theta": 10000.0,
        "feat_sizes": [grid, grid],
    }
    if predictor is None:
        predictor = video_predictor.SAM2VideoPredictor
        options = {"fill_hole_area": 0, **options}
    return predictor(
        image_encoder=image_encoder.ImageEncoder(
            scalp=1,
            trunk=hieradet.Hiera(
                embed_dim=trunk["embedDim"],
                num_heads=trunk["numHeads"],
                stages=tuple(trunk["stages"]),
                global_att_blocks=tuple(trunk["globalAttBlocks"]),
                window_pos_embed_bkg_spatial_size=tuple(trunk["windowPosEmbedBkgSpatialSize"]),
                window_spec=tuple(trunk["windowSpec"]),
            ),
            neck=image_encoder.FpnNeck(
                position_encoding=position_encoding.PositionEmbeddingSine(num_pos_feats=dim),
                d_model=dim,
                backbone_channel_list=widths[::-1],
                fpn_top_down_levels=[2, 3],
                fpn_interp_model="nearest",
            ),
        ),
        memory_attention=memory_attention.MemoryAttention(
            d_model=dim,
            pos_enc_at_input=True,
            num_layers=config["memoryAttention"]["numLayers"],
            layer=memory_attention.MemoryAttentionLayer(
                activation="relu",
                dim_feedforward=config["memoryAttention"]["dimFeedforward"],
                dropout=0.1,
                d_model=dim,
                pos_enc_at_attn=False,
                pos_enc_at_cross_attn_keys=True,
                pos_enc_at_cross_attn_queries=False,
                self_attention=transformer.RoPEAttention(**attention),
                cross_attention=transformer.RoPEAttention(**attention, rope_k_repeat=True, kv_in_dim=memory),
            ),
        ),
        memory_encoder=memory_encoder.MemoryEncoder(
            out_dim=memory,
            in_dim=dim,
            position_encoding=position_encoding.PositionEmbeddingSine(num_pos_feats=memory),
            mask_downsampler=memory_encoder.MaskDownSampler(embed_dim=dim, kernel_size=3, stride=2, padding=1),
            fuser=memory_encoder.Fuser(memory_encoder.CXBlock(dim), config["memoryEncoder"]["numLayers"]),
        ),
        num_maskmem=config["numMaskmem"],
        image_size=config["imageSize"],
        max_obj_ptrs_in_encoder=config["maxObjPtrsInEncoder"],
        sigmoid_scale_for_mem_enc=20.0,
        sigmoid_bias_for_mem_enc=-10.0,
        use_mask_input_as_output_without_sam=True,
        directly_add_no_mem_embed=True,
        no_obj_embed_spatial=True,
        use_high_res_features_in_sam=True,
        multimask_output_in_sam=True,
        iou_prediction_use_sigmoid=True,
        use_obj_ptrs_in_encoder=True,
        add_tpos_enc_to_obj_ptrs=True,
        proj_tpos_enc_in_obj_ptrs=True,
        use_signed_tpos_enc_to_obj_ptrs=True,
        only_obj_ptrs_in_the_past_for_eval=True,
        pred_obj_scores=True,
        pred_obj_scores_mlp=True,
        fixed_no_obj_ptr=True,
        multimask_output_for_tracking=True,
        use_multimask_token_for_obj_ptr=True,
        multimask_min_pt_num=0,
        multimask_max_pt_num=1,
        use_mlp_for_obj_ptr_proj=True,
        binarize_mask_from_pts_for_mem_enc=True,
        sam_mask_decoder_extra_args={
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
        **options,
    ).eval()


def fill(model: nn.Module, score: float = 5.0) -> nn.Module:
    """The generator's weights; with the one exception that the object is there, as the printed numbers want it.

    `score` is what is added to the logit of an object being in the frame.
    """
    oracle.fill(model)
    with torch.no_grad():
        model.state_dict()["sam_mask_decoder.pred_obj_score_head.layers.2.bias"].fill_(score)
    return model


PAIRS: dict[type, tuple[str, ...]] = {
    prompt_encoder.PromptEncoder: ("sparse_embeddings", "dense_embeddings"),
    transformer.TwoWayTransformer: ("queries", "keys"),
    transformer.TwoWayAttentionBlock: ("queries", "keys"),
    mask_decoder.MaskDecoder: ("masks", "iou_predictions", "sam_tokens_out", "object_score_logits"),
}
ATTENTIONS = (hieradet.MultiScaleAttention, transformer.Attention)


@contextmanager
def capture(root: nn.Module, *, attention: bool = True) -> Iterator[Record]:
    """Records the outputs of all modules of `root` while the context is open, by state_dict path, and named
    intermediates, as `sam.capture` does. A module that runs again leaves its last value. What is the same for all
    objects of a frame is kept once.

    With `attention=False` q, k, v and scores are left out.
    """
    record: Record = {}
    running: list[tuple[str, nn.Module]] = []
    handles = []

    def keep(name: str, value: torch.Tensor) -> None:
        record[name] = value.detach().clone()

    def enter(path: str, module: nn.Module) -> Callable[..., None]:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            running.append((path, module))
            parent = running[-2] if len(running) > 1 else None
            if parent and isinstance(module, transformer.TwoWayTransformer):
                keep(join(parent[0], "tokens"), args[2])
            elif parent and path.endswith("blocks.0") and isinstance(parent[1], hieradet.Hiera):
                keep(join(parent[0], "tokens"), args[0])
            elif isinstance(module, memory_attention.MemoryAttention):
                keep(join(path, "memory"), kwargs["memory"].transpose(0, 1))
                keep(join(path, "memory_pos"), kwargs["memory_pos"].transpose(0, 1)[:1])
            elif isinstance(module, memory_encoder.MemoryEncoder):
                keep(join(path, "pix_feat"), args[0][:1])
                keep(join(path, "masks"), args[1])
            if parent and path.endswith((".proj", ".out_proj")) and isinstance(parent[1], ATTENTIONS):
                keep(join(parent[0], "heads"), args[0])

        return hook

    def leave(path: str, module: nn.Module) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
            running.pop()
            if isinstance(module, position_encoding.PositionEmbeddingSine):
                # Of the level that is used, below; and the same for all objects.
                if running and isinstance(running[-1][1], memory_encoder.MemoryEncoder):
                    keep(path, output[:1])
            elif isinstance(module, image_encoder.ImageEncoder):
                keep(path, output["vision_features"])
                keep(join(path, "neck.position_encoding"), output["vision_pos_enc"][-1][:1])
            elif isinstance(module, memory_encoder.MemoryEncoder):
                keep(path, output["vision_features"])
            elif isinstance(module, memory_attention.MemoryAttention):
                keep(path, output.transpose(0, 1))
            elif isinstance(output, torch.Tensor):
                keep(path, output[:1] if path.endswith("pix_feat_proj") else output)
            elif type(module) in PAIRS:
                for name, value in zip(PAIRS[type(module)], output):
                    keep(join(path, name), value)

        return hook

    for path, module in root.named_modules():
        # Called without being a part of the computation, or not the model itself.
        if isinstance(module, (prompt_encoder.PositionEmbeddingRandom, nn.Identity, nn.Dropout, nn.MaxPool2d)):
            continue
        handles += [
            module.register_forward_pre_hook(enter(path, module), with_kwargs=True),
            module.register_forward_hook(leave(path, module)),
        ]

    functional, decoder = torch.nn.functional, mask_decoder.MaskDecoder
    attend, predict = functional.scaled_dot_product_attention, decoder.predict_masks

    def recorded_attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        if attention and running:
            path = running[-1][0]
            for name, value in zip("qkv", (q, k, v)):
                keep(join(path, name), value)
            keep(join(path, "scores"), q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5)
        return attend(q, k, v, **kwargs)

    def recorded_predict(self: nn.Module, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, ...]:
        path = running[-1][0]
        masks, iou, tokens, score = predict(self, *args, **kwargs)
        heads = [record[join(path, f"output_hypernetworks_mlps.{i}")] for i in range(self.num_mask_tokens)]
        keep(join(path, "hyper_in"), torch.stack(heads, dim=1))
        keep(join(path, "upscaled_embedding"), record[join(path, "output_upscaling.4")])
        keep(join(path, "all_masks"), masks)
        keep(join(path, "all_iou_predictions"), iou)
        return masks, iou, tokens, score

    functional.scaled_dot_product_attention, decoder.predict_masks = recorded_attend, recorded_predict
    try:
        yield record
    finally:
        functional.scaled_dot_product_attention, decoder.predict_masks = attend, predict
        for handle in handles:
            handle.remove()


MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def frames(count: int, side: int, name: str = "frames") -> torch.Tensor:
    """Seeded frames as the model takes them, normalised."""
    return (oracle.inp(name, (count, 3, side, side)) - MEAN) / STD


def start(model: nn.Module, images: torch.Tensor, height: int, width: int) -> dict[str, Any]:
    """`init_state` on frames that are tensors already."""
    load = video_predictor.load_video_frames
    video_predictor.load_video_frames = lambda **_: (images, height, width)
    try:
        return model.init_state(video_path="")
    finally:
        video_predictor.load_video_frames = load


def image_predictor(model: nn.Module) -> Any:
    """`SAM2ImagePredictor`, with the three transforms that it takes of torchvision, which is not needed for more."""

    class ToTensor:
        def __call__(self, image: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(image).permute(2, 0, 1).float() / 255

    class Resize(nn.Module):
        def __init__(self, size: tuple[int, int]) -> None:
            super().__init__()
            self.size = list(size)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.interpolate(x[None], self.size, mode="bilinear", antialias=True)[0]

    class Normalize(nn.Module):
        def __init__(self, _mean: list[float], _std: list[float]) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x - MEAN) / STD

    transforms = types.ModuleType("torchvision.transforms")
    transforms.ToTensor, transforms.Resize, transforms.Normalize = ToTensor, Resize, Normalize
    sys.modules.setdefault("torchvision", types.ModuleType("torchvision"))
    sys.modules.setdefault("torchvision.transforms", transforms)
    script = torch.jit.script
    torch.jit.script = lambda module: module
    try:
        predictor = importlib.import_module("sam2.sam2_image_predictor").SAM2ImagePredictor(model)
    finally:
        torch.jit.script = script
    grid = model.image_size // 16
    predictor._bb_feat_sizes = [(scale * grid, scale * grid) for scale in (4, 2, 1)]  # written for 1024
    return predictor


@contextmanager
def full_precision() -> Iterator[None]:
    """The predictor stores memories of frames as bfloat16; here as float32."""
    half = torch.bfloat16
    torch.bfloat16 = torch.float32
    try:
        yield
    finally:
        torch.bfloat16 = half


def propagate(model: nn.Module, state: dict[str, Any], **options: Any) -> dict[int, torch.Tensor]:
    """Logits of all objects by frame, [B, 1, height, width]."""
    return {frame: logits.clone() for frame, _, logits in model.propagate_in_video(state, **options)}


def check() -> None:
    """Compares with MedSAM2's printed numbers."""
    video_predictor.tqdm = lambda values, **_: values
    model = fill(build(MEDSAM2))
    assert len(model.state_dict()) == 471, len(model.state_dict())
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 38_962_498, parameters

    def near(value: torch.Tensor, *expected: float) -> None:
        assert torch.allclose(value.flatten().float(), torch.tensor(expected), atol=1e-4), (value, expected)

    images = frames(8, 512)
    box = torch.tensor([60.0, 80.0, 200.0, 300.0])
    with torch.inference_mode(), full_precision():
        state = start(model, images, 400, 300)
        model.add_new_points_or_box(state, frame_idx=3, obj_id=1, box=box)
        counts = {n: int((logits > 0).sum()) for n, logits in propagate(model, state).items()}
        outputs = state["output_dict"]
        first, second = outputs["cond_frame_outputs"][3], outputs["non_cond_frame_outputs"][4]
        near(first["pred_masks"].mean(), 0.807501)
        near(first["obj_ptr"][0, :3], 0.82482, -0.09265, -0.62298)
        near(first["maskmem_features"].flatten()[:3], 3.35891, 3.14887, 2.37244)
        near(second["pred_masks"].mean(), -1.48481)
        near(second["maskmem_features"].mean(), -1.101054)
        expected = {3: 85044, 4: 25189, 5: 22557, 6: 25619, 7: 23035}
        assert all(abs(counts[n] - count) <= 2 for n, count in expected.items()), (counts, expected)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeded-weights", metavar="FILE", help="write MedSAM2 with the generator's weights to FILE")
    args = parser.parse_args()
    torch.set_num_threads(2)
    if args.seeded_weights is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check()
        return print("MedSAM2 in PyTorch gives its printed numbers")
    temporary = Path(f"{args.seeded_weights}.tmp")
    torch.save({"model": fill(build(MEDSAM2)).state_dict()}, temporary)
    temporary.replace(args.seeded_weights)


if __name__ == "__main__":
    main()
