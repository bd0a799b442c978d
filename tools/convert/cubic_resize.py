"""scikit-image's cubic resize in NumPy alone, so that a record of PyTorch needs nothing else.

MedSAM cuts the result off to bytes, so in even areas the last bit of a value decides between two of them. Therefore
the operations and their order are SciPy's: the same channels as a third axis, sums from the far end, no shortcut.
Run this file, where scikit-image is installed, to check that both are equal to the bit.
"""

from __future__ import annotations

import numpy as np

# Of the recursive filter that inverts the cubic B-spline.
POLE = -0.2679491924311227


def resize(image: np.ndarray, side: int) -> np.ndarray:
    """`skimage.transform.resize(image, (side, side), order=3, preserve_range=True, anti_aliasing=True)` of bytes
    [H, W, 3], at least two pixels a side: float64 [side, side, 3]."""
    field = image.astype(np.float64)
    if image.shape[:2] == (side, side):
        return field  # as SciPy does: the spline would lose last bits
    for axis in (0, 1):
        field = _blur(field, axis, max(0.0, (image.shape[axis] / side - 1) / 2))
    for axis in (0, 1, 2):
        _fit(np.moveaxis(field, axis, 0))
    return np.clip(_sample(field, side), image.min(), image.max())


def _mirror(index: np.ndarray, size: int) -> np.ndarray:
    """Indices inside a line that is mirrored at its outer samples without repeating them."""
    if size == 1:
        return np.zeros_like(index)
    folded = np.mod(index, 2 * (size - 1))
    return np.where(folded < size, folded, 2 * (size - 1) - folded)


def _blur(field: np.ndarray, axis: int, sigma: float) -> np.ndarray:
    """scipy.ndimage.gaussian_filter1d, cut off at four standard deviations."""
    if sigma == 0:
        return field
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    weights = (weights / weights.sum())[radius:]
    at, size = np.arange(field.shape[axis]), field.shape[axis]
    out = field * weights[0]
    for distance in range(radius, 0, -1):
        before = field.take(_mirror(at - distance, size), axis)
        out += (before + field.take(_mirror(at + distance, size), axis)) * weights[distance]
    return out


def _fit(lines: np.ndarray) -> None:
    """Turns samples along the first axis into the coefficients of the spline through them, in place.

    See Unser, Aldroubi, Eden: B-spline signal processing, part II, 1993.
    """
    size = len(lines)
    if size == 1:
        return
    lines *= (1 - POLE) * (1 - 1 / POLE)
    far = POLE ** (size - 1)
    total, power = lines[0] + far * lines[-1], POLE
    for i in range(1, size - 1):
        total = total + power * (lines[i] + far * lines[size - 1 - i])
        power *= POLE
    lines[0] = total / (1 - far * far)
    for i in range(1, size):
        lines[i] += POLE * lines[i - 1]
    lines[-1] = (POLE * lines[-2] + lines[-1]) * POLE / (POLE * POLE - 1)
    for i in range(size - 2, -1, -1):
        lines[i] = POLE * (lines[i + 1] - lines[i])


def _sample(spline: np.ndarray, side: int) -> np.ndarray:
    """The spline at the pixel centres of the output. A sum over the samples around each, in memory's order."""
    height, width, channels = spline.shape
    rows, columns, colours = _taps(height, side), _taps(width, side), _taps(channels, channels)
    out = np.zeros((side, side, channels))
    for row, row_weight in rows:
        strip = spline[row] * row_weight[:, None, None]
        for column, column_weight in columns:
            part = strip[:, column] * column_weight[None, :, None]
            for colour, colour_weight in colours:
                out += part[..., colour] * colour_weight
    return out


def _taps(size: int, out_size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The four samples around each output along an axis, one after the other, with their weights."""
    x = np.abs((np.arange(out_size) + 0.5) * (size / out_size) - 0.5)
    fraction = x - np.floor(x)
    rest = 1 - fraction
    a = rest * rest * rest / 6
    b = (fraction * fraction * (fraction - 2) * 3 + 4) / 6
    c = (rest * rest * (rest - 2) * 3 + 4) / 6
    first = np.floor(x).astype(int) - 1
    return [(_mirror(first + n, size), weight) for n, weight in enumerate((a, b, c, 1 - a - b - c))]


def check() -> None:
    from skimage.transform import resize as original

    random = np.random.default_rng(1)
    for height, width, side in [(50, 40, 64), (64, 64, 64), (7, 300, 129), (300, 260, 96), (2000, 33, 64), (64, 200, 64), (512, 512, 128), (330, 512, 640)]:
        for image in (random.integers(0, 256, (height, width, 3)), random.integers(7, 9, (height, width, 3))):
            wanted = original(image.astype(np.uint8), (side, side), order=3, preserve_range=True, anti_aliasing=True)
            assert np.array_equal(resize(image.astype(np.uint8), side), wanted), (height, width, side)


if __name__ == "__main__":
    check()
    print("equal to scikit-image's, to the bit")
