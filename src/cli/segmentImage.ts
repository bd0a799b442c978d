import { open } from "node:fs/promises";
import { basename } from "node:path";
import { readImageFile, readNpzFile } from "../image/decode.node.js";
import { isPicture } from "../image/decode.js";
import { encodePng } from "../image/encode.js";
import { labelMap, maskArea, maskBox, maskImage, type Mask, type PixelBox } from "../image/mask.js";
import { npzSlice } from "../image/npz.js";
import { drawOverlay } from "../image/overlay.js";
import { ImageError, type PixelImage } from "../image/pixels.js";
import { boxWarning, checkPrompt } from "../predictor/checkPrompt.js";
import type { LongCall } from "../predictor/longCall.js";
import type { SamPredictor } from "../predictor/samPredictor.js";
import { PromptError, type Box, type Point, type Prediction, type Prompt } from "../predictor/types.js";
import { eightBitVolume } from "../volume/eightBit.js";
import { readVolumeFile } from "../volume/read.node.js";
import { looksLikeVolume } from "../volume/read.js";
import { volumeSlice } from "../volume/values.js";
import { hashFile } from "../weights/open.node.js";
import { provenanceOf, type AskedSettings, type Provenance, type RunSettings } from "./provenance.js";
import { writeAll } from "./resultFiles.js";
import { outputFiles, type OutputFiles } from "./segmentFiles.js";
import { assertFile, isNpz, type SegmentJob, type Target } from "./segmentJobs.js";
import { skippedLine, type Skipped } from "./skipped.js";

/** What is known of one object afterwards. */
export interface SegmentedObject {
  /** Its value in the label map. */
  readonly value: number;
  readonly label?: string;
  readonly box?: Box;
  readonly points?: readonly { readonly point: Point; readonly label: 0 | 1 }[];
  /** Pixels in its mask. */
  readonly pixels: number;
  /** First and last column and row of its mask; `null` when it is empty. */
  readonly maskBox: PixelBox | null;
  /** The model's own estimate of the overlap; means something only where the weights were trained for it. */
  readonly score: number;
}

/** What NAME.json holds. */
export interface SegmentResult {
  readonly image: {
    readonly file: string;
    readonly slice?: number;
    readonly width: number;
    readonly height: number;
    readonly sha256: string;
  };
  readonly objects: readonly SegmentedObject[];
  readonly skipped: readonly Skipped[];
  readonly warnings: readonly string[];
  /** In NAME.json itself without their folder. */
  readonly files: OutputFiles;
  readonly provenance: Provenance;
}

/** Where and how to work. */
interface SegmentContext extends LongCall {
  readonly settings: RunSettings;
  readonly out: string;
  /** An object whose prompt cannot be used fails the image instead of being skipped. */
  readonly strict?: boolean;
  /** What does the table that the job is from; default `segment`. */
  readonly command?: "segment" | "batch";
  /** What that one is told, where it is not `settings`. */
  readonly asked?: AskedSettings;
  readonly signal: AbortSignal;
}

/**
 * Segments one image and writes its files; all of them or, when it fails or is interrupted, none.
 *
 * @throws ImageError, PromptError, or whatever writing the files gives.
 */
export async function segmentImage(
  predictor: SamPredictor,
  job: SegmentJob,
  { settings, out, strict = false, command, asked, signal, onProgress }: SegmentContext,
): Promise<SegmentResult> {
  assertFile(job);
  const image = await readImage(job, settings.intensity);
  const { width, height } = image;
  // Before the image is encoded, which takes most of the time.
  const { targets, prompts, skipped } = usable(job, image);
  if (targets.length === 0 || (strict && skipped.length > 0))
    throw new PromptError(skipped.map((one) => skippedLine(one, job.table)).join("; "));
  const cut = targets.flatMap(({ prompt }) => boxWarning(prompt, image) ?? []);
  const warnings = [...(image.warnings ?? []), ...cut.map((warning) => `${job.image}: ${warning}`)];

  // What takes the time: the one encoding, or with a crop one a box.
  const cropped = predictor.crop > 0;
  await predictor.setImage(image, { signal, onProgress: cropped ? undefined : onProgress });
  const call = { signal, onProgress: cropped ? onProgress : undefined };
  const predictions = await predict(predictor, targets, settings.multimask, call);
  await predictor.resetImage();
  const chosen = predictions.map(best);
  const masks = chosen.map(({ mask }) => mask);
  const result: SegmentResult = {
    image: {
      file: basename(job.image),
      ...(job.slice !== undefined && { slice: job.slice }),
      width,
      height,
      sha256: await hashFile(job.image),
    },
    objects: targets.map((target, k) => describe(target, chosen[k])),
    ...{ skipped, warnings },
    files: outputFiles(job, out),
    provenance: provenanceOf(job, settings, command, asked),
  };

  const boxes = prompts.flatMap(({ box }) => (box ? [box] : []));
  const points = prompts.flatMap(({ pointCoords = [], pointLabels = [] }) =>
    pointCoords.map(([x, y], n) => ({ x, y, foreground: pointLabels[n] === 1 })),
  );
  const labels = labelMap(
    masks,
    targets.map(({ value }) => value),
  );
  const pictures = {
    mask: encodePng(maskImage({ width, height, data: Uint8Array.from(labels.data, (v) => (v > 0 ? 1 : 0)) })),
    labels: encodePng(labels),
    overlay: encodePng(drawOverlay(image, { masks, boxes, points })),
  };
  signal.throwIfAborted();
  const { files } = result;
  // As in all that is written, without the folder, which may be named after a patient.
  const document = {
    ...result,
    warnings: warnings.map((warning) => warning.replaceAll(job.image, basename(job.image))),
    files: outputFiles(job, ""),
  };
  await writeAll([
    [files.json, JSON.stringify(document, null, 2) + "\n"],
    [files.mask, pictures.mask],
    [files.labels, pictures.labels],
    [files.overlay, pictures.overlay],
  ]);
  return result;
}

/** The targets that can be segmented in this image with their prompts, and the others. */
function usable(
  { targets, skipped = [] }: SegmentJob,
  { width, height }: PixelImage,
): { targets: Target[]; prompts: Prompt[]; skipped: Skipped[] } {
  const found = { targets: [] as Target[], prompts: [] as Prompt[], skipped: [...skipped] };
  for (const target of targets) {
    try {
      found.prompts.push(checkPrompt(target.prompt, { width, height, maskSide: 0 }));
      found.targets.push(target);
    } catch (error) {
      if (!(error instanceof PromptError)) throw error;
      const { value, row } = target;
      found.skipped.push({ value, ...(row !== undefined && { rows: [row] }), error: error.message });
    }
  }
  found.skipped.sort((a, b) => a.value - b.value);
  return found;
}

/**
 * Reads a picture, or a slice of a volume: of real values where an `intensity` is named, which scales them, and
 * otherwise in 8 bits, as `medsam segment-volume` shows it to the model.
 *
 * @throws ImageError when there are several slices and none is named.
 */
export async function readImage({ image, slice }: SegmentJob, intensity?: string): Promise<PixelImage> {
  if (isNpz(image)) {
    const npz = await readNpzFile(image);
    return npzSlice(npz, sliceOf(image, slice, npz.depth));
  }
  const first = await firstBytes(image);
  if (isPicture(first) || !looksLikeVolume(first)) return readImageFile(image);
  const volume = await readVolumeFile(image);
  const depth = volume.size[2];
  const index = sliceOf(image, slice, depth * volume.frames);
  const shown = intensity === undefined ? eightBitVolume(volume).volume : volume;
  const { warnings } = volume;
  return { ...volumeSlice(shown, 2, index % depth, Math.floor(index / depth)), warnings };
}

/** Slices of all frames are numbered through. */
function sliceOf(image: string, slice: number | undefined, count: number): number {
  if ((slice === undefined && count > 1) || (slice ?? 0) >= count)
    throw new ImageError(`${image}: has ${count} slices; name one with --slice 0 to ${count - 1}`);
  return slice ?? 0;
}

/** Bytes that tell what a file is. */
const FIRST = 4096;

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(FIRST), 0, FIRST, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Boxes alone go through the decoder together. */
async function predict(
  predictor: SamPredictor,
  targets: readonly Target[],
  multimaskOutput: boolean,
  call: LongCall,
): Promise<Prediction[]> {
  const boxes = targets.flatMap(({ prompt: { box, pointCoords } }) => (box && !pointCoords ? [box] : []));
  if (boxes.length === targets.length) return predictor.predictBoxes(boxes, { multimaskOutput, ...call });
  const predictions: Prediction[] = [];
  for (const { prompt } of targets)
    predictions.push(await predictor.predict(prompt, { multimaskOutput, ...call }));
  return predictions;
}

/** The candidate with the highest score. */
function best({ masks, scores }: Prediction): { mask: Mask; score: number } {
  const index = scores.reduce((at, score, n) => (score > scores[at] ? n : at), 0);
  return { mask: masks[index], score: scores[index] };
}

/** A prompt as NAME.json has it. */
export function describePrompt({ prompt }: Target): Pick<SegmentedObject, "box" | "points"> {
  const { box, pointCoords, pointLabels = [] } = prompt;
  return {
    ...(box && { box }),
    ...(pointCoords && { points: pointCoords.map((point, n) => ({ point, label: pointLabels[n] })) }),
  };
}

function describe(target: Target, { mask, score }: { mask: Mask; score: number }): SegmentedObject {
  const { value, label } = target;
  return {
    value,
    ...(label !== undefined && { label }),
    ...describePrompt(target),
    pixels: maskArea(mask),
    maskBox: maskBox(mask) ?? null,
    score,
  };
}
