"""Weights and inputs made from names alone, so that PyTorch and this project are given the same ones without a file.

The same generator in TypeScript: test/parity/oracle.ts. Run this file to check it against its printed numbers.
"""

from __future__ import annotations

import math

import numpy as np
import torch


def fnv1a(key: str) -> int:
    """FNV-1a, 32 bits, of an ASCII key."""
    value = 0x811C9DC5
    for byte in key.encode("ascii"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(key: str, count: int) -> np.ndarray:
    """Elements 0..count-1 of the stream of `key`, float64 in [-1, 1)."""
    z = np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(fnv1a(key))
    z &= np.uint64(0xFFFFFFFF)
    z ^= z >> np.uint64(16)
    z = (z * np.uint64(0x85EBCA6B)) & np.uint64(0xFFFFFFFF)
    z ^= z >> np.uint64(13)
    z = (z * np.uint64(0xC2B2AE35)) & np.uint64(0xFFFFFFFF)
    z ^= z >> np.uint64(16)
    return z.astype(np.float64) / 2**31 - 1


def values(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The value of a parameter by its state_dict path and shape."""
    u = uniform(key, math.prod(shape)).reshape(shape)
    is_weight = key.endswith(".weight") or key == "weight"
    if key.endswith("running_var") or (is_weight and len(shape) == 1):
        u = 1 + 0.1 * u
    elif is_weight:
        u = u * math.sqrt(3 / math.prod(shape[1:]))
    elif not key.endswith("positional_encoding_gaussian_matrix"):
        u = 0.1 * u
    return torch.from_numpy(np.asarray(u, dtype=np.float32))


def fill(module: torch.nn.Module) -> torch.nn.Module:
    """Gives every entry of a module's state_dict the oracle's value."""
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            tensor.copy_(values(key, tuple(tensor.shape)))
    return module


def inp(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """An input in [0, 1)."""
    return torch.from_numpy(((uniform(name, math.prod(shape)) + 1) / 2).astype(np.float32).reshape(shape))


def check() -> None:
    """Compares with the printed numbers of the generator."""
    assert fnv1a("a") == 0xE40C292C
    expected = [0.59806627, -0.77675939, -0.87496378, -0.23235704]
    assert np.allclose(uniform("input", 4), expected, atol=1e-8), uniform("input", 4)


if __name__ == "__main__":
    check()
    print("the generator gives its printed numbers")
