"""Writes test/unit/train/fixtures/: losses with their gradients, and ten steps of AdamW.

    python tools/convert/make_train_fixtures.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

import oracle

FOLDER = Path(__file__).resolve().parents[2] / "test" / "unit" / "train" / "fixtures"
Tensors = dict[str, torch.Tensor]


def save(name: str, case: dict[str, Any], tensors: Tensors) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    metadata = {"case": json.dumps({**case, "torch": torch.__version__})}
    floats = {key: value.detach().contiguous().float() for key, value in tensors.items()}
    save_file(floats, FOLDER / f"{name}.safetensors", metadata)


def pixels(x: torch.Tensor) -> torch.Tensor:
    return x.sum((2, 3))


def dice(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """MONAI's `DiceLoss(sigmoid=True, squared_pred=True)`."""
    p = logits.sigmoid()
    return (1 - (2 * pixels(p * target) + 1e-5) / (pixels(target**2) + pixels(p**2) + 1e-5)).mean()


def bce(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, target)


def medsam(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return dice(logits, target) + bce(logits, target)


def sam(logits: torch.Tensor, target: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """20 focal + 1 Dice of the best mask, and the squared error of all scores, as SAM 2's `loss_fns.py` has them."""
    target = target.expand_as(logits)
    p = logits.sigmoid()
    missed = 1 - (p * target + (1 - p) * (1 - target))
    weights = 0.25 * target + 0.75 * (1 - target)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    focal = (weights * missed**2 * entropy).mean((2, 3))
    dice = 1 - (2 * pixels(p * target) + 1) / (pixels(p) + pixels(target) + 1)
    predicted = (logits > 0).double()
    overlap = pixels(predicted * target)
    union = pixels(predicted) + pixels(target) - overlap
    best = (20 * focal + dice).min(dim=1).values.mean()
    return best + F.mse_loss(scores, overlap / union.clamp(min=1))


def targets(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """0 and 1; the first of the batch is empty where the name asks for it."""
    target = (oracle.inp(f"target:{name}", shape) > 0.6).double()
    if "empty" in name:
        target[0] = 0
    return target


def logits_of(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Between -6 and 6; for `extreme` from a list with every kind of edge."""
    u = oracle.inp(f"logits:{name}", shape).double()
    if "extreme" not in name:
        return (12 * u - 6).float().double()
    edges = torch.tensor([0, 1e-4, 17, 88, 89, 104, 1e4, -1e-4, -17, -88, -89, -104, -1e4]).float().double()
    return edges[(u * len(edges)).long()]


def make_losses() -> None:
    tensors: Tensors = {}
    for name in ("plain", "extreme", "empty"):
        # Not square, several masks.
        logits = logits_of(name, (3, 2, 5, 4)).requires_grad_()
        target = targets(name, (3, 2, 5, 4))
        tensors |= {f"{name}.input.logits": logits, f"{name}.input.target": target}
        for loss in (dice, bce, medsam):
            value = loss(logits, target)
            (gradient,) = torch.autograd.grad(value, logits)
            tensors |= {f"{name}.{loss.__name__}": value, f"{name}.{loss.__name__}.grad": gradient}
        single = target[:, :1]
        scores = oracle.inp(f"scores:{name}", (3, 2)).double().requires_grad_()
        value = sam(logits, single, scores)
        gradient, of_scores = torch.autograd.grad(value, (logits, scores))
        tensors |= {f"{name}.input.scores": scores, f"{name}.sam": value}
        tensors |= {f"{name}.sam.grad": gradient, f"{name}.sam.grad_scores": of_scores}
    save("losses", {}, tensors)


class Small(nn.Module):
    """An MLP with a norm, a parameter that the loss does not use, and one whose gradient is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1, self.norm, self.lin2 = nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)
        self.unused, self.zero = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.lin2(F.gelu(self.norm(self.lin1(x))))
        return (y**2).mean() + y.sigmoid().mean() + 0 * self.zero(y).sum()


def make_steps(name: str, groups: Any, case: dict[str, Any], clip: float | None = None, **options: Any) -> None:
    model = oracle.fill(Small())
    vectors = [p for p in model.parameters() if p.ndim == 1]
    others = [p for p in model.parameters() if p.ndim > 1]
    optimiser = torch.optim.AdamW(groups(list(model.parameters()), others, vectors), **options)
    losses: list[torch.Tensor] = []
    norms: list[torch.Tensor] = []
    for step in range(10):
        x = oracle.inp(f"batch:{step}", (5, 4)) * 2 - 1
        optimiser.zero_grad()
        loss = model(x)
        loss.backward()
        if clip is not None:
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), clip))
        optimiser.step()
        losses.append(loss)
    tensors = {"losses": torch.stack(losses)} | {f"after.{key}": value for key, value in model.state_dict().items()}
    if norms:
        tensors["norms"] = torch.stack(norms)
    for key, parameter in model.named_parameters():
        for kind, value in optimiser.state.get(parameter, {}).items():
            tensors[f"state.{kind}.{key}"] = value
    save(f"adamw-{name}", {**case, **options, "clip": clip}, tensors)


def make_adamw() -> None:
    make_steps("defaults", lambda every, others, vectors: every, {})
    make_steps(
        "groups",
        lambda every, others, vectors: [{"params": others}, {"params": vectors, "weight_decay": 0.0}],
        {},
        clip=0.25,
        lr=2e-2,
        betas=(0.8, 0.95),
        eps=1e-6,
        weight_decay=0.3,
    )


if __name__ == "__main__":
    make_losses()
    make_adamw()
