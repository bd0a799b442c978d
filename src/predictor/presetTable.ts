import {
  ctWindow,
  FULL_RANGE,
  PERCENTILES,
  scaleIntensity,
  type IntensityPreset,
} from "../image/intensity.js";
import { toRgb, type PixelImage } from "../image/pixels.js";
import { resizeOpenCvArea } from "../image/resizeArea.js";
import { resizeCubicAntialiased } from "../image/resizeCubic.js";
import { resizeOpenCvCubic } from "../image/resizeOpenCv.js";
import { resizePillowBicubic, resizePillowBilinear, resizeTriangle } from "../image/resizePillow.js";
import type { ModelConfig } from "../model/config.js";
import { familyOf } from "../model/families.js";
import {
  LOGITS,
  PROBABILITIES,
  SQUARE_LOGITS,
  type MemorySteps,
  type PreparedImage,
  type Preset,
} from "./presets.js";

/** An image of 8 bits a channel. */
export type EightBitImage = PixelImage & { readonly data: Uint8Array };

/**
 * MedSAM's own inference: the whole image becomes a square by scikit-image's cubic resize, is cut off to 8 bits,
 * and stretched to 0..1.
 *
 * @see bowang-lab/MedSAM, MedSAM_Inference.py
 */
export const MEDSAM_INFERENCE: Preset = {
  name: "MedSAM_Inference",
  description: "MedSAM's inference script: cubic resize to a square, stretched to 0..1 (the default)",
  intensity: FULL_RANGE,
  ...PROBABILITIES,
  prepare: (image, side) => {
    const resized = resizeCubicAntialiased(image, side, side);
    return square(image, side, stretchToUnit(Uint8Array.from(resized)));
  },
};

/**
 * For the checkpoint in the package and what is trained from it: MedSAM's own inference, in a square around each box,
 * where these weights are better than on whole images (models/README.md).
 */
export const MEDSAM_TINY: Preset = {
  ...MEDSAM_INFERENCE,
  name: "medsam-tiny",
  description:
    "the weights in the package: as MedSAM_Inference, in a square of twice the box (their default)",
  crop: 2,
};

/** As the inference script, with OpenCV's cubic resize. @see bowang-lab/MedSAM, utils/demo.py and the notebooks */
export const MEDSAM_DEMO: Preset = {
  ...MEDSAM_INFERENCE,
  name: "MedSAM_demo",
  description: "MedSAM's demo and notebooks: OpenCV's cubic resize to a square, stretched to 0..1",
  prepare: (image, side) => square(image, side, stretchToUnit(resizeOpenCvCubic(image, side, side))),
};

/** How MedSAM's training images of CT and MR were made; not cut off to 8 bits. @see pre_CT_MR.py */
export const PRE_CT_MR: Preset = {
  ...MEDSAM_INFERENCE,
  name: "pre_CT_MR",
  description: "MedSAM's training data of MR (percentiles) and, with a CT window as intensity, of CT",
  intensity: PERCENTILES,
  prepare: (image, side) =>
    square(image, side, stretchToUnit(resizeCubicAntialiased(image, side, side, "constant"))),
};

/** How MedSAM's other training images were made: divided by 255, not stretched. @see utils/pre_grey_rgb.py */
export const PRE_GREY_RGB: Preset = {
  ...MEDSAM_INFERENCE,
  name: "pre_grey_rgb",
  description: "MedSAM's training data of grey and colour images: divided by 255",
  prepare: (image, side) => {
    const resized = resizeCubicAntialiased(image, side, side, "constant");
    return square(
      image,
      side,
      Float32Array.from(resized, (value) => value / 255),
    );
  },
};

const SAM_MEAN = [123.675, 116.28, 103.53];
const SAM_STD = [58.395, 57.12, 57.375];

/**
 * Segment Anything's own predictor: longest side to the input's, normalised, padded with the mean colour.
 *
 * @see segment_anything/predictor.py; segment_anything/modeling/sam.py, `preprocess`
 */
export const SAM_PREDICTOR: Preset = {
  name: "SamPredictor",
  description:
    "Segment Anything's predictor, for SAM's own weights: longest side, mean and deviation, padding",
  multimask: true,
  intensity: FULL_RANGE,
  ...LOGITS,
  prepare: (image, side) => {
    const scale = side / Math.max(image.width, image.height);
    const [width, height] = [image.width, image.height].map((length) => Math.floor(length * scale + 0.5));
    const resized = resizePillowBilinear(image, width, height);
    const pixels = new Float32Array(side * side * 3);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++) {
          const value = resized[(y * width + x) * 3 + c];
          pixels[(y * side + x) * 3 + c] = (value - SAM_MEAN[c]) / SAM_STD[c];
        }
    return { pixels, frame: { imageSize: [image.height, image.width], inputSize: [height, width], side } };
  },
};

/**
 * LiteMedSAM's inference: longest side to the input's by OpenCV's area resize, stretched to 0..1, padded with 0; boxes in
 * whole pixels of the input; logits upsampled.
 *
 * @see bowang-lab/MedSAM, branch LiteMedSAM, CVPR24_LiteMedSAM_infer.py
 */
export const LITE_MEDSAM_INFERENCE: Preset = {
  name: "LiteMedSAM",
  description:
    "LiteMedSAM's inference script: longest side by area, stretched to 0..1, padding (its default)",
  intensity: FULL_RANGE,
  ...LOGITS,
  prepare: (image, side) => {
    const scale = side / Math.max(image.width, image.height);
    const [width, height] = [image.width, image.height].map((length) =>
      Math.max(1, Math.floor(length * scale + 0.5)),
    );
    const stretched = stretchToUnit(resizeOpenCvArea(image, width, height));
    const pixels = new Float32Array(side * side * 3);
    for (let y = 0; y < height; y++)
      pixels.set(stretched.subarray(y * width * 3, (y + 1) * width * 3), y * side * 3);
    const frame = { imageSize: [image.height, image.width], inputSize: [height, width], side } as const;
    return { pixels, frame: { ...frame, promptScale: scale, wholePixels: true } };
  },
};

const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_STD = [0.229, 0.224, 0.225];

/** Upstream's `apply_postprocessing`, which is on for volumes. @see bowang-lab/MedSAM2, sam2/build_sam.py */
const POSTPROCESSED: MemorySteps = {
  ...{ fillHoleArea: 8, binarize: true, dynamicMultimask: true },
  ...{ nonOverlapMasks: false, maskFirst: false, largestPiece: false },
};

/**
 * MedSAM2's inference in volumes: the whole slice becomes a square by Pillow's cubic resize, divided by 255 and
 * normalised; the object is followed from a box, and its largest piece stays.
 *
 * @see bowang-lab/MedSAM2, medsam2_infer_3D_CT.py
 */
export const MEDSAM2_INFER_3D_CT: Preset = {
  name: "medsam2_infer_3D_CT",
  description: "MedSAM2's script for volumes: followed by memory, largest piece (the default of MedSAM2)",
  multimask: true,
  intensity: FULL_RANGE,
  ...SQUARE_LOGITS,
  prepare: (image, side) => square(image, side, normalise(resizePillowBicubic(image, side, side))),
  memory: { ...POSTPROCESSED, largestPiece: true },
};

/**
 * MedSAM2's inference from RECIST markers: what the marker finds in its slice is followed as a mask; all pieces stay.
 *
 * @see bowang-lab/MedSAM2, medsam2_infer_CT_lesion_npz_recist.py
 */
export const MEDSAM2_INFER_RECIST: Preset = {
  ...MEDSAM2_INFER_3D_CT,
  name: "medsam2_infer_CT_lesion_npz_recist",
  description: "MedSAM2's script for RECIST markers: the marked slice's mask is followed by memory",
  memory: { ...POSTPROCESSED, maskFirst: true },
};

/** The same for lung nodules from clicks, in a CT window. @see bowang-lab/MedSAM2, examples/infer_CT_LUNA25.py */
export const INFER_CT_LUNA25: Preset = {
  ...MEDSAM2_INFER_RECIST,
  name: "infer_CT_LUNA25",
  description: "MedSAM2's example for lung nodules: as the script for RECIST markers, in a CT window",
  volumeIntensity: ctWindow("infer_CT_LUNA25", -750, 1500),
};

/** MedSAM2's inference in videos, without the steps that volumes have. @see bowang-lab/MedSAM2, medsam2_infer_video.py */
export const MEDSAM2_INFER_VIDEO: Preset = {
  ...MEDSAM2_INFER_3D_CT,
  name: "medsam2_infer_video",
  description: "MedSAM2's script for videos: followed by memory, each pixel of one object, nothing filled",
  memory: {
    ...{ fillHoleArea: 0, binarize: false, dynamicMultimask: false },
    ...{ nonOverlapMasks: true, maskFirst: false, largestPiece: false },
  },
};

/**
 * SAM 2's predictor for single images: a smoothed linear resize to a square, normalised.
 *
 * @see sam2/sam2_image_predictor.py; sam2/utils/transforms.py, `SAM2Transforms`
 */
export const SAM2_IMAGE_PREDICTOR: Preset = {
  name: "SAM2ImagePredictor",
  description: "SAM 2's predictor for single images: smoothed linear resize to a square, normalised",
  multimask: true,
  intensity: FULL_RANGE,
  ...SQUARE_LOGITS,
  lowResLimit: 32,
  prepare: (image, side) => square(image, side, normalise(resizeTriangle(image, side, side))),
};

/** All presets, the default first. */
export const PRESETS: readonly Preset[] = [
  MEDSAM_INFERENCE,
  MEDSAM_TINY,
  MEDSAM_DEMO,
  PRE_CT_MR,
  PRE_GREY_RGB,
  SAM_PREDICTOR,
  LITE_MEDSAM_INFERENCE,
  MEDSAM2_INFER_3D_CT,
  MEDSAM2_INFER_RECIST,
  INFER_CT_LUNA25,
  MEDSAM2_INFER_VIDEO,
  SAM2_IMAGE_PREDICTOR,
];

/** What belongs to a model when nothing else is asked for: see `Family`. */
export function defaultPreset(config: ModelConfig): Preset {
  return findPreset(familyOf(config).preset(config));
}

/** @throws RangeError naming the presets there are. */
export function findPreset(name: string): Preset {
  const found = PRESETS.find((preset) => preset.name === name);
  if (found === undefined)
    throw new RangeError(
      `preset "${name}" does not exist; choose one of ${PRESETS.map((preset) => preset.name).join(", ")}`,
    );
  return found;
}

/** The same preset with another way of scaling intensities, such as a CT window. */
export function withIntensity(preset: Preset, intensity: IntensityPreset): Preset {
  return { ...preset, intensity };
}

/** An image of any depth to the encoder's input: intensities first, then the preset's own steps. */
export function prepareImage(preset: Preset, image: PixelImage, side: number): PreparedImage {
  return preset.prepare(toEightBit(preset, image), side);
}

/** The first half of `prepareImage`: an image of any depth to 8-bit RGB, by the preset's intensities. */
export function toEightBit(preset: Preset, image: PixelImage): EightBitImage {
  // Three channels before the resize, as upstream: SciPy's filters take channels for an axis, and the last bit of a
  // grey image depends on their number.
  return toRgb(scaleIntensity(image, preset.intensity)) as EightBitImage;
}

/** Values to 0..1 by their smallest and largest. */
function stretchToUnit(values: Uint8Array | Float64Array): Float32Array {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const span = Math.max(high - low, 1e-8);
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = (values[i] - low) / span;
  return out;
}

/** RGB values of 0 to 255 by ImageNet's mean and deviation of each channel. */
function normalise(values: Uint8Array | Float64Array): Float32Array {
  return Float32Array.from(values, (value, n) => (value / 255 - IMAGENET_MEAN[n % 3]) / IMAGENET_STD[n % 3]);
}

/** Values that fill the whole square. */
function square({ width, height }: PixelImage, side: number, pixels: Float32Array): PreparedImage {
  return { pixels, frame: { imageSize: [height, width], inputSize: [side, side], side } };
}
