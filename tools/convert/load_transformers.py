"""Loads a file with Hugging Face's names into transformers' `SamModel`, and embeds the generator's image with it.

    python tools/convert/load_transformers.py --config JSON --checkpoint F --out F

The output also holds what segment-anything's own encoder makes of the same image with `--original`'s weights.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

import oracle
import sam
from safetensors_file import save_file


def config_of(config: dict) -> SamConfig:
    """transformers' configuration for TypeScript's `SamConfig`."""
    encoder, decoder, dim = config["imageEncoder"], config["maskDecoder"], config["promptEmbedDim"]
    size = {"image_size": config["imageSize"], "patch_size": config["patchSize"]}
    return SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=encoder["embedDim"],
            output_channels=dim,
            num_hidden_layers=encoder["depth"],
            num_attention_heads=encoder["numHeads"],
            mlp_dim=int(encoder["embedDim"] * encoder["mlpRatio"]),
            window_size=encoder["windowSize"],
            global_attn_indexes=encoder["globalAttnIndexes"],
            num_pos_feats=dim // 2,
            **size,
        ),
        prompt_encoder_config=SamPromptEncoderConfig(hidden_size=dim, mask_input_channels=config["maskInChans"], **size),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=dim,
            mlp_dim=decoder["mlpDim"],
            num_hidden_layers=decoder["depth"],
            num_attention_heads=decoder["numHeads"],
            num_multimask_outputs=decoder["numMultimaskOutputs"],
            iou_head_depth=decoder["iouHeadDepth"],
            iou_head_hidden_dim=decoder["iouHeadHiddenDim"],
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, type=json.loads)
    parser.add_argument("--checkpoint", required=True, type=Path)
    parser.add_argument("--original", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    side = options.config["imageSize"]
    image = oracle.inp("image", (1, side, side, 3)).permute(0, 3, 1, 2)

    model = SamModel(config_of(options.config)).eval()
    result = model.load_state_dict(load_file(options.checkpoint), strict=False)
    # transformers keeps the one table of positions in two places.
    if result.unexpected_keys or set(result.missing_keys) - {"prompt_encoder.shared_embedding.positional_embedding"}:
        raise SystemExit(f"does not fit: {result}")
    model.tie_weights()
    original = sam.build(options.config)
    original.load_state_dict({name: t.float() for name, t in load_file(options.original).items()})

    # A box in the middle; the original takes it as it is, transformers shifts by half a pixel as the original does.
    box = torch.tensor([[side / 4, side / 4, side / 2, side * 3 / 4]])
    with torch.no_grad():
        theirs = model(pixel_values=image, input_boxes=box[None], multimask_output=False)
        embedding = original.image_encoder(image)
        sparse, dense = original.prompt_encoder(points=None, boxes=box, masks=None)
        masks, _ = original.mask_decoder(
            image_embeddings=embedding,
            image_pe=original.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
    save_file({"transformers": theirs.pred_masks[0, 0, 0], "original": masks[0, 0]}, options.out, {"case": "{}"})


if __name__ == "__main__":
    main()
