import { ImageError, valueRange, type NumberArray, type PixelImage } from "./pixels.js";

/**
 * How stored values become the 0..255 that the model expects. Works on an image and, because MedSAM scales
 * volumes as a whole, on all the values of a volume.
 */
export interface IntensityPreset {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** NaN, where nothing was measured, becomes 0. @throws ImageError when the values cannot be used this way. */
  scale(values: NumberArray): Uint8Array;
  /**
   * The scaling that these values get, for others: a film's frames are all scaled alike, by some of them.
   *
   * @throws ImageError as `scale`.
   */
  fit(values: NumberArray): Scaling;
}

/** Values as 0..255, NaN as 0. */
export type Scaling = (values: NumberArray) => Uint8Array;

/** A preset from its name, what it does in a line, and its scaling. */
function presetOf(name: string, description: string, fit: IntensityPreset["fit"]): IntensityPreset {
  return { name, description, fit, scale: (values) => fit(values)(values) };
}

/** Leaves 8-bit images as they are: MedSAM_Inference.py does nothing to intensities. */
export const AS_IS = presetOf(
  "none",
  "as stored; for images whose values are whole numbers of 0..255",
  () => (values) => {
    if (areBytes(values)) return Uint8Array.from(values);
    const [low, high] = valueRange(values);
    throw new ImageError(
      `image: values ${low}..${high} are not whole numbers of 0..255; ` +
        'choose an intensity preset, such as "range" or a CT window',
    );
  },
);

/**
 * Stretches the range of the image to 0..255 when it is not 8-bit, as pre_grey_rgb.py does. That script looks for
 * values above 255 only; here negative and real values are stretched too, which it would wrap around or cut off.
 */
export const FULL_RANGE = presetOf(
  "range",
  "smallest value 0, largest 255, unless all are whole numbers of 0..255 (pre_grey_rgb.py)",
  (values) => (areBytes(values) ? bytesOf : stretch(values, -Infinity, Infinity)),
);

/** Cuts off the darkest and brightest half percent of the values above 0, as pre_CT_MR.py does with all but CT. */
export const PERCENTILES = presetOf(
  "percentiles",
  "0.5 to 99.5 percentile of the values above 0; zeros stay 0 (pre_CT_MR.py, not CT)",
  (values) => {
    const positive = Float64Array.from(values).filter((value) => value > 0);
    if (positive.length === 0) throw new ImageError("image: has no values above 0 to take percentiles of");
    positive.sort();
    const stretched = stretch(values, percentile(positive, 0.5), percentile(positive, 99.5));
    return (others) => {
      const scaled = stretched(others);
      for (let i = 0; i < scaled.length; i++) if (others[i] === 0) scaled[i] = 0;
      return scaled;
    };
  },
);

/**
 * A CT window in Hounsfield units, scaled as pre_CT_MR.py does: cut off, then stretched from what is left.
 *
 * @param offset what was added to the Hounsfield units when the file was written, such as 32768.
 */
export function ctWindow(name: string, level: number, width: number, offset = 0): IntensityPreset {
  if (!(width > 0)) throw new RangeError(`window width is ${width}; expected a positive number`);
  return presetOf(name, `CT window, level ${level} and width ${width} HU (pre_CT_MR.py)`, (values) =>
    stretch(values, offset + level - width / 2, offset + level + width / 2),
  );
}

/**
 * The presets by name. The windows of soft tissue, lung and brain are those of MedSAM's README (its paper has
 * -160 for the lung's level); bone and mediastinum are the usual ones in radiology.
 */
export const INTENSITY_PRESETS: readonly IntensityPreset[] = [
  AS_IS,
  FULL_RANGE,
  PERCENTILES,
  ctWindow("ct-soft-tissue", 40, 400),
  ctWindow("ct-lung", -600, 1500),
  ctWindow("ct-brain", 40, 80),
  ctWindow("ct-bone", 400, 1800),
  ctWindow("ct-mediastinum", 50, 350),
];

/** @throws ImageError naming the presets there are. */
export function intensityPreset(name: string): IntensityPreset {
  const found = INTENSITY_PRESETS.find((preset) => preset.name === name);
  if (found === undefined)
    throw new ImageError(
      `intensity preset "${name}" does not exist; choose one of ${INTENSITY_PRESETS.map((p) => p.name).join(", ")}`,
    );
  return found;
}

/** The image in 8 bits. */
export function scaleIntensity(
  image: PixelImage,
  preset: IntensityPreset,
): PixelImage & { data: Uint8Array } {
  return { ...image, data: preset.scale(image.data) };
}

/**
 * Percentile `q` of ascending values, linear between neighbours, as `numpy.percentile` computes it.
 *
 * @throws RangeError when there are no values or `q` is not in 0..100.
 */
export function percentile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0 || !(q >= 0 && q <= 100))
    throw new RangeError(`percentile ${q} of ${sorted.length} values does not exist`);
  const position = (sorted.length - 1) * (q / 100);
  const below = Math.floor(position);
  const [a, b] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  // NumPy counts from the nearer neighbour, so that both ends are met exactly.
  const fraction = position - below;
  return fraction < 0.5 ? a + (b - a) * fraction : b - (b - a) * (1 - fraction);
}

function areBytes(values: NumberArray): boolean {
  if (values instanceof Uint8Array) return true;
  return values.every(
    (value: number) => isNaN(value) || (Number.isInteger(value) && value >= 0 && value <= 255),
  );
}

/** Values between 0 and 255 as bytes; those of another frame may be beyond. */
function bytesOf(values: NumberArray): Uint8Array {
  return values instanceof Uint8Array
    ? values.slice()
    : Uint8Array.from(Uint8ClampedArray.from(values, Math.trunc));
}

/**
 * Cuts values off at `low` and `high` and stretches what is left to 0..255, cut off to integers. What is left may
 * span less than `low` to `high`. A constant becomes 0, and so does NaN. Of other values than those the scaling was
 * made for, those beyond become 0 or 255.
 */
function stretch(sample: NumberArray, low: number, high: number): Scaling {
  const [least, most] = valueRange(sample).map((value) => Math.min(Math.max(value, low), high));
  return (values) => {
    const out = new Uint8Array(values.length);
    if (most === least) return out;
    for (let i = 0; i < out.length; i++)
      out[i] = ((Math.min(Math.max(values[i], least), most) - least) / (most - least)) * 255;
    return out;
  };
}
