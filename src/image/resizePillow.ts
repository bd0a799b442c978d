import { makeTaps, resampleColumns, resampleRows, type Grid, type Taps } from "./separable.js";

/** Pillow computes with weights in units of 2^-22. */
const ONE = 2 ** 22;

/** How much of a sample at a distance goes into an output, and up to which distance. */
interface Filter {
  readonly support: number;
  weight(distance: number): number;
}

const TRIANGLE: Filter = { support: 1, weight: (z) => Math.max(0, 1 - Math.abs(z)) };

/** Keys' cubic with Pillow's a = -0.5. */
const CUBIC: Filter = {
  support: 2,
  weight(z) {
    const x = Math.abs(z);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
  },
};

/**
 * Resizes 8-bit values as Pillow's `Image.resize((width, height), BILINEAR)` does, to the bit: a triangle that
 * widens where an axis shrinks, first along x, then along y, each rounded to 8 bits. SAM's own preprocessing.
 * (Pillow 13 goes along y first where that is cheaper; there it differs by one level here and there.)
 *
 * @see segment_anything/utils/transforms.py, `ResizeLongestSide.apply_image`
 */
export function resizePillowBilinear(image: Bytes, width: number, height: number): Uint8Array {
  return resizePillow(image, width, height, TRIANGLE);
}

/** The same with `BICUBIC`, Pillow's default. MedSAM2's preprocessing. @see bowang-lab/MedSAM2, medsam2_infer_3D_CT.py */
export function resizePillowBicubic(image: Bytes, width: number, height: number): Uint8Array {
  return resizePillow(image, width, height, CUBIC);
}

/**
 * The same as `BILINEAR` without any rounding, as PyTorch's `interpolate(mode="bilinear", antialias=True)` has it.
 *
 * @see torchvision/transforms, `Resize` on tensors; sam2/utils/transforms.py, `SAM2Transforms`
 */
export function resizeTriangle(image: Grid, width: number, height: number): Float64Array {
  const across = resampleRows(image, taps(image.width, width, TRIANGLE, false));
  return resampleColumns(across, taps(image.height, height, TRIANGLE, false)).data;
}

type Bytes = Grid & { readonly data: Uint8Array };

/** Weights of an axis that keeps its length are 1: nothing changes along it. */
function resizePillow(image: Bytes, width: number, height: number, filter: Filter): Uint8Array {
  const rows = resampleRows(image, taps(image.width, width, filter));
  const across = { ...rows, data: toBytes(rows.data) };
  return toBytes(resampleColumns(across, taps(image.height, height, filter)).data);
}

/** @param rounded to whole units of 2^-22, which are then the unit of the weights. */
function taps(inSize: number, outSize: number, filter: Filter, rounded = true): Taps {
  const scale = inSize / outSize;
  const widening = Math.max(scale, 1);
  const support = filter.support * widening;
  const count = 2 * Math.ceil(support) + 1;
  return makeTaps(inSize, outSize, count, (i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), inSize);
    const weights = Array.from({ length: end - first }, (_, t) =>
      filter.weight((first + t - centre + 0.5) / widening),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const shares = weights.map((weight) => weight / sum);
    if (!rounded) return [first, shares];
    return [first, shares.map((share) => Math.trunc(share * ONE + (share < 0 ? -0.5 : 0.5)))];
  });
}

/** Sums in units of 2^-22 to the nearest byte, halves up. The sums are whole numbers, so this is exact. */
function toBytes(sums: Float64Array): Uint8Array {
  const out = new Uint8Array(sums.length);
  for (let i = 0; i < sums.length; i++)
    out[i] = Math.min(Math.max(Math.floor((sums[i] + ONE / 2) / ONE), 0), 255);
  return out;
}
