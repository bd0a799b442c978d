"""What upstream's scripts do around the model, on a numpy image [H, W, 3] of uint8 and boxes [B, 4] in its pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cubic_resize import resize

Tensors = dict[str, torch.Tensor]


def medsam_input(image: np.ndarray, side: int) -> torch.Tensor:
    """[1, 3, side, side] in 0..1, as MedSAM_Inference.py makes it."""
    resized = resize(image, side).astype(np.uint8)
    scaled = (resized - resized.min()) / np.clip(resized.max() - resized.min(), a_min=1e-8, a_max=None)
    return torch.tensor(scaled).float().permute(2, 0, 1).unsqueeze(0)


def predict_medsam(sam: nn.Module, image: np.ndarray, boxes: torch.Tensor) -> Tensors:
    """MedSAM_Inference.py: sigmoid first, then bilinear; a mask is where the probability is above 0.5."""
    height, width, _ = image.shape
    side = sam.image_encoder.img_size
    prepared = medsam_input(image, side)
    embedding = sam.image_encoder(prepared)
    scaled = boxes / torch.tensor([width, height, width, height]) * side
    sparse, dense = sam.prompt_encoder(points=None, boxes=scaled, masks=None)
    logits, scores = sam.mask_decoder(embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
    maps = functional.interpolate(torch.sigmoid(logits), size=(height, width), mode="bilinear", align_corners=False)
    return {"prepared": prepared, "low_res_logits": logits, "iou_predictions": scores, "maps": maps}


def predict_lite(sam: nn.Module, image: np.ndarray, boxes: torch.Tensor) -> Tensors:
    """CVPR24_LiteMedSAM_infer.py: longest side by area, stretched, padded; whole boxes; a mask is where logits are above 0."""
    try:
        import cv2  # which nothing else here needs
    except ImportError:
        raise SystemExit("OpenCV is missing; install it with: pip install opencv-python-headless") from None

    height, width, _ = image.shape
    side = sam.image_encoder.img_size
    scale = side / max(height, width)
    new_h, new_w = int(height * scale + 0.5), int(width * scale + 0.5)
    resized = cv2.resize(image, (new_w, new_h), interpolation=cv2.INTER_AREA)
    stretched = (resized - resized.min()) / np.clip(resized.max() - resized.min(), a_min=1e-8, a_max=None)
    padded = np.pad(stretched, ((0, side - new_h), (0, side - new_w), (0, 0)))
    prepared = torch.tensor(padded).float().permute(2, 0, 1).unsqueeze(0)
    embedding = sam.image_encoder(prepared)
    scaled = (boxes * scale).int().float()
    sparse, dense = sam.prompt_encoder(points=None, boxes=scaled, masks=None)
    logits, scores = sam.mask_decoder(embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense, False)
    # Upstream's decoder output has the input's size; a smaller one is brought to it first.
    full = functional.interpolate(logits, size=(side, side), mode="bilinear", align_corners=False)
    cropped = full[..., :new_h, :new_w]
    maps = functional.interpolate(cropped, size=(height, width), mode="bilinear", align_corners=False)
    return {"prepared": prepared, "low_res_logits": logits, "iou_predictions": scores, "maps": maps}


def predict_sam(sam: nn.Module, image: np.ndarray, boxes: torch.Tensor) -> Tensors:
    """SamPredictor: longest side, mean and deviation, padding; logits upsampled; a mask is where they are above 0."""
    from PIL import Image  # which nothing else here needs

    height, width, _ = image.shape
    side = sam.image_encoder.img_size
    scale = side / max(height, width)
    new_h, new_w = int(height * scale + 0.5), int(width * scale + 0.5)
    resized = np.array(Image.fromarray(image).resize((new_w, new_h), Image.Resampling.BILINEAR))
    prepared = sam.preprocess(torch.as_tensor(resized).permute(2, 0, 1)[None])
    embedding = sam.image_encoder(prepared)
    scaled = boxes * torch.tensor([new_w / width, new_h / height] * 2)
    sparse, dense = sam.prompt_encoder(points=None, boxes=scaled, masks=None)
    logits, scores = sam.mask_decoder(embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense, True)
    maps = sam.postprocess_masks(logits, (new_h, new_w), (height, width))
    return {"prepared": prepared, "low_res_logits": logits, "iou_predictions": scores, "maps": maps}
