"""A contestant in training: segment-anything's modules in PyTorch (eager), MedSAM's loss, AdamW. See ../training.mjs.

The decoder takes a batch as MedSAM's copy of segment-anything has it: one prompt an image.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

THREADS, WEIGHTS, TRAIN, IMAGES, ROOT = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5])
CONFIG = json.loads(sys.argv[6])
sys.path.insert(0, str(ROOT / "tools" / "convert"))
torch.set_num_threads(THREADS)

from make_train_fixtures import medsam  # noqa: E402
from sam import build  # noqa: E402

TRAINED = {"all": ("",), "encoder+decoder": ("image_encoder.", "mask_decoder."), "decoder": ("mask_decoder.",)}


def values(*shape):
    """A sequence that fills [0, 1) evenly: the same everywhere."""
    sequence = (np.arange(np.prod(shape), dtype=np.float64) * 0.6180339887) % 1
    return torch.from_numpy(sequence.astype("<f4").reshape(shape))


def decode(model, embeddings, boxes):
    """`MaskDecoder.predict_masks` for one prompt an image; upstream repeats one image for its prompts."""
    sparse, dense = model.prompt_encoder(points=None, boxes=boxes[:, None], masks=None)
    decoder = model.mask_decoder
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([own.expand(len(boxes), -1, -1), sparse], dim=1)
    pe = model.prompt_encoder.get_dense_pe().expand(len(boxes), -1, -1, -1)
    hidden, source = decoder.transformer(embeddings + dense, pe, tokens)
    n, channels, height, width = embeddings.shape
    upscaled = decoder.output_upscaling(source.transpose(1, 2).view(n, channels, height, width))
    hyper = [mlp(hidden[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)]
    masks = torch.einsum("bkc,bchw->bkhw", torch.stack(hyper, dim=1), upscaled)
    decoder.iou_prediction_head(hidden[:, 0])
    return masks[:, :1]


def main():
    model = build(CONFIG)
    if WEIGHTS.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = {name: tensor.float() for name, tensor in load_file(WEIGHTS).items()}
    else:
        state = torch.load(WEIGHTS, map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    named = [p for name, p in model.named_parameters() if name.startswith(TRAINED[TRAIN])]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in named:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(named, lr=1e-4, weight_decay=0.01)
    print(json.dumps({"ready": True, "version": torch.__version__, "load": 0}), flush=True)

    side = CONFIG["imageSize"]
    grid = side // CONFIG["patchSize"]
    if TRAIN == "decoder":
        images = values(IMAGES, CONFIG["promptEmbedDim"], grid, grid)
    else:
        images = values(IMAGES, 3, side, side)
    shares = np.array([[0.1 + 0.05 * n, 0.2, 0.6 + 0.05 * n, 0.8] for n in range(IMAGES)])
    boxes = np.floor(shares * side).astype(int)
    target = torch.zeros(IMAGES, 1, side, side)
    for n, (x0, y0, x1, y1) in enumerate(boxes):
        target[n, 0, y0:y1, x0:x1] = 1
    boxes = torch.from_numpy(boxes).float()

    for line in sys.stdin:
        assert json.loads(line)["op"] == "step", line
        begin = time.perf_counter()
        optimiser.zero_grad()
        embeddings = images if TRAIN == "decoder" else model.image_encoder(images)
        logits = F.interpolate(decode(model, embeddings, boxes), (side, side), mode="bilinear", align_corners=False)
        loss = medsam(logits, target)
        loss.backward()
        optimiser.step()
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "loss": loss.item()}), flush=True)


main()
