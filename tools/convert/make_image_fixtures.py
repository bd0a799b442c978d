"""Writes test/unit/image/fixtures/*.json: what scikit-image, Pillow, OpenCV and NumPy give for small made-up inputs,
and checksums of what they give for the sample files of ../shared/data where those are present.

Needs: numpy, scikit-image, pillow<13, opencv-python-headless.  Run: python tools/convert/make_image_fixtures.py
(From 13 on Pillow resizes along y first where that is cheaper, which moves a value by one level here and there.)
"""

import base64
import hashlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import PIL
import skimage
from PIL import Image
from skimage.transform import resize

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "test/unit/image/fixtures"
DATA = ROOT.parent / "shared/data"
rng = np.random.default_rng(7)


def pack(array):
    """Little-endian bytes of an array, in base64."""
    array = np.ascontiguousarray(array)
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, indent=1) + "\n"
    (OUT / name).write_text(text)
    print(f"{name}: {len(text)} bytes")


def picture(height, width, channels, low=0, high=256):
    shape = (height, width) if channels == 1 else (height, width, channels)
    return rng.integers(low, high, shape).astype(np.uint8)


def cubic(image, size, mode):
    return resize(image, size, order=3, preserve_range=True, anti_aliasing=True, mode=mode)


# Input height and width, output height and width: up, down, mixed, to and from a single sample, and no change.
SIZES = [(5, 7, 9, 11), (13, 9, 4, 5), (6, 10, 10, 6), (1, 4, 3, 7), (7, 5, 1, 2), (2, 2, 5, 3), (8, 3, 8, 3)]


def resizes():
    cases = []
    for n, (h, w, out_h, out_w) in enumerate(SIZES):
        channels = 3 if n == 0 else 1
        # One input stays away from 0, so that zeros from outside widen the range that scikit-image clips to.
        image = picture(h, w, channels, low=60 if n == 2 else 0)
        labels = rng.integers(0, 5, (h, w)).astype(np.uint8)
        cases.append(
            {
                "from": [h, w],
                "to": [out_h, out_w],
                "channels": channels,
                "input": pack(image),
                "skimageReflect": pack(cubic(image, (out_h, out_w), "reflect")),
                "skimageConstant": pack(cubic(image, (out_h, out_w), "constant")),
                "pillowBilinear": pack(np.asarray(Image.fromarray(image).resize((out_w, out_h), Image.BILINEAR))),
                "pillowBicubic": pack(np.asarray(Image.fromarray(image).resize((out_w, out_h)))),
                "openCvCubic": pack(cv2.resize(image, (out_w, out_h), interpolation=cv2.INTER_CUBIC)),
                "labels": pack(labels),
                "skimageNearest": pack(
                    resize(labels, (out_h, out_w), order=0, preserve_range=True, anti_aliasing=False, mode="constant")
                ),
            }
        )
    return cases


def areas():
    """OpenCV's area resize, by numbers of their own so that the cases above stay as they are."""
    own = np.random.default_rng(8)
    cases = []
    for h, w, out_h, out_w in [(13, 9, 4, 5), (12, 8, 6, 4), (12, 9, 4, 3), (40, 60, 17, 26), (5, 7, 9, 11), (8, 3, 8, 3)]:
        image = own.integers(0, 256, (h, w, 3)).astype(np.uint8)
        resized = cv2.resize(image, (out_w, out_h), interpolation=cv2.INTER_AREA)
        cases.append({"from": [h, w], "to": [out_h, out_w], "input": pack(image), "openCvArea": pack(resized)})
    return cases


def intensities():
    """The formulas of pre_CT_MR.py and pre_grey_rgb.py on made-up values."""

    def window(values, level, width):
        clipped = np.clip(values, level - width / 2, level + width / 2)
        return ((clipped - clipped.min()) / (clipped.max() - clipped.min()) * 255.0).astype(np.uint8)

    def percentiles(values):
        low, high = np.percentile(values[values > 0], 0.5), np.percentile(values[values > 0], 99.5)
        clipped = np.clip(values, low, high)
        scaled = (clipped - clipped.min()) / (clipped.max() - clipped.min()) * 255.0
        scaled[values == 0] = 0
        return scaled.astype(np.uint8)

    def stretched(values):
        low, high = values.min(), values.max()
        return ((values - low) / (high - low) * 255.0).astype(np.uint8)

    ct = rng.integers(-1024, 2000, 400).astype(np.int16)
    lung = rng.integers(-900, -100, 100).astype(np.int16)  # narrower than its window
    mr = (rng.gamma(2.0, 300.0, 500) * (rng.random(500) > 0.3)).astype(np.uint16)
    sample = np.sort(rng.normal(0, 100, 37))
    quantiles = [0, 0.5, 3, 50, 77.7, 99.5, 100]
    return {
        "ct": pack(ct),
        "softTissue": pack(window(ct.astype(np.float64), 40, 400)),
        "lung": pack(lung),
        "lungScaled": pack(window(lung.astype(np.float64), -600, 1500)),
        "mr": pack(mr),
        "mrScaled": pack(percentiles(mr.astype(np.float64))),
        "mrStretched": pack(stretched(mr.astype(np.float64))),
        "sample": pack(sample),
        "quantiles": quantiles,
        "percentiles": [float(np.percentile(sample, q)) for q in quantiles],
    }


def smooth(height, width, channels):
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 120 * np.sin(x / (4 + k) + k) * np.cos(y / (5 - k)) for k in range(channels)]
    return np.squeeze(np.stack(planes, -1)).astype(np.uint8)


def saved(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def files():
    """Small files as Pillow writes them, and what it reads from them."""
    colour, grey = Image.fromarray(smooth(21, 27, 3)), Image.fromarray(smooth(21, 27, 1))
    indices = (np.arange(9 * 11).reshape(9, 11) % 5).astype(np.uint8)
    palette = Image.fromarray(indices).convert("P")
    palette.putdata(indices.ravel().tolist())
    palette.putpalette([0, 0, 0, 250, 10, 20, 30, 240, 60, 70, 80, 90, 7, 8, 9])
    deep = Image.fromarray(rng.integers(0, 65536, (5, 7)).astype(np.uint16))
    real = Image.fromarray(rng.normal(0, 500, (5, 7)).astype(np.float32))
    bits = Image.fromarray(((indices % 2) * 255).astype(np.uint8)).convert("1")
    alpha = Image.fromarray(picture(6, 5, 4))
    tif = {"format": "TIFF"}
    jpg = {"format": "JPEG"}
    entries = {
        "colour-420.jpg": (colour, {**jpg, "quality": 80}),
        "colour-444.jpg": (colour, {**jpg, "quality": 95, "subsampling": 0}),
        "colour-422-progressive.jpg": (colour, {**jpg, "quality": 70, "subsampling": 1, "progressive": True}),
        "grey.jpg": (grey, {**jpg, "quality": 85}),
        "cmyk.jpg": (colour.convert("CMYK"), jpg),
        "grey.tif": (grey.crop((0, 0, 7, 5)), tif),
        "colour-lzw.tif": (colour, {**tif, "compression": "tiff_lzw"}),
        "colour-deflate.tif": (colour, {**tif, "compression": "tiff_adobe_deflate"}),
        "alpha.tif": (alpha, tif),
        "grey-packbits.tif": (grey, {**tif, "compression": "packbits"}),
        "deep.tif": (deep, tif),
        "real.tif": (real, tif),
        "bits.tif": (bits, tif),
        "palette.tif": (palette, tif),
        "pages.tif": (grey.crop((0, 0, 4, 4)), {**tif, "save_all": True, "append_images": [grey.crop((0, 0, 4, 4))]}),
        "jpeg.tif": (grey, {**tif, "compression": "jpeg"}),
        "palette.png": (palette, {"format": "PNG"}),
        "bits.png": (bits, {"format": "PNG"}),
    }
    out = {}
    for name, (image, options) in entries.items():
        data = saved(image, **options)
        read = Image.open(io.BytesIO(data))
        pixels = np.asarray(read.convert("RGB") if read.mode in ("P", "RGBA") else read)
        pixels = pixels.astype(np.uint8) * 255 if read.mode == "1" else pixels
        out[name] = {
            "file": base64.b64encode(data).decode(),
            "size": [read.height, read.width],
            "channels": 3 if pixels.ndim == 3 else 1,
            "sha256": sha256(pixels),
        }
    out["palette.tif"]["indices"] = out["palette.png"]["indices"] = pack(indices)
    return out


def samples():
    """Checksums for the sample files: what is decoded, and MedSAM_Inference.py's resize of it with its cast."""
    out = {}
    for path in sorted([DATA / "img_demo.png", *(DATA / "images").iterdir()]):
        image = Image.open(path)
        pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
        entry = {"size": list(pixels.shape), "sha256": sha256(pixels)}
        if pixels.dtype == np.uint8 and "mask" not in path.name:
            rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=-1)
            entry["resized"] = sha256(cubic(rgb, (1024, 1024), "reflect").astype(np.uint8))
        out[str(path.relative_to(DATA))] = entry
    return out


versions = {m.__name__: m.__version__ for m in (np, skimage, PIL, cv2)}
write("resize.json", {"versions": versions, "cases": resizes(), "areas": areas()})
write("intensity.json", {"versions": versions, **intensities()})
write("files.json", {"versions": versions, "files": files()})
if DATA.is_dir():
    write("samples.json", {"versions": versions, "files": samples()})
