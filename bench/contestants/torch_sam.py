"""A contestant: SAM in PyTorch, upstream's own code ("eager") or transformers' with its fused attention ("sdpa").

Reads a line of JSON for each task on standard input and answers with one on standard output; see contestant.mjs.
"""

import json
import sys
import time
from pathlib import Path

started = time.perf_counter()
import numpy as np
import torch

KIND, THREADS, WEIGHTS, ROOT = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
sys.path.insert(0, str(ROOT / "tools" / "convert"))
torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def eager():
    """Model, and the seconds that `torch.load` and `load_state_dict` take."""
    from reference import VIT_B
    from sam import build

    model = build(VIT_B)
    begin = time.perf_counter()
    model.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return model, time.perf_counter() - begin


def sdpa():
    from safetensors.torch import load_file
    from transformers import SamConfig, SamModel

    config = SamConfig()
    config.vision_config._attn_implementation = "sdpa"
    model = SamModel._from_config(config, attn_implementation="sdpa").eval()
    begin = time.perf_counter()
    result = model.load_state_dict(load_file(WEIGHTS), strict=False)
    # transformers keeps the one table of positions in two places.
    assert not result.unexpected_keys and all("positional_embedding" in key for key in result.missing_keys), result
    return model, time.perf_counter() - begin


def encode(model, pixels):
    return model.vision_encoder(pixels).last_hidden_state if KIND == "sdpa" else model.image_encoder(pixels)


def decode(model, embedding, boxes):
    sparse, dense = model.prompt_encoder(points=None, boxes=boxes, masks=None)
    return model.mask_decoder(
        image_embeddings=embedding,
        image_pe=model.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )


def read(path, shape):
    return torch.from_numpy(np.fromfile(path, dtype="<f4").reshape(shape))


def main():
    imported = time.perf_counter() - started
    model, load = eager() if KIND == "eager" else sdpa()
    version = torch.__version__
    if KIND == "sdpa":
        import transformers

        version = f"{version}, transformers {transformers.__version__}"
    print(json.dumps({"ready": True, "version": version, "load": load, "import": imported}), flush=True)
    embedding = None
    for line in sys.stdin:
        task = json.loads(line)
        if task["op"] == "encode":
            pixels = read(task["pixels"], (1, 3, 1024, 1024))
            begin = time.perf_counter()
            embedding = encode(model, pixels)
            seconds = time.perf_counter() - begin
            result = embedding
        else:
            boxes = torch.tensor(task["boxes"])
            given = read(task["embedding"], (1, 256, 64, 64))
            begin = time.perf_counter()
            result, _ = decode(model, given, boxes)
            seconds = time.perf_counter() - begin
        if task.get("save"):
            result.numpy().astype("<f4").tofile(task["save"])
        print(json.dumps({"seconds": seconds}), flush=True)


main()
