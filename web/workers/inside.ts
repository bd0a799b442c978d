import * as tf from "@tensorflow/tfjs";
import { cropImage, type Region } from "../../src/image/crop.js";
import { valueRange, type PixelImage } from "../../src/image/pixels.js";
import { attentionMap, attentionOfCell, type GridCell } from "../../src/inspect/attention.js";
import { channelOf, featureMap, principalComponents } from "../../src/inspect/features.js";
import { componentColours, heatMap, type Cover, type ValueMap } from "../../src/inspect/heatmap.js";
import { summariseModel } from "../../src/inspect/modelSummary.js";
import { placeOnGrid } from "../../src/inspect/place.js";
import { watch, WHOLE, type TracedTensor } from "../../src/inspect/trace.js";
import type { Layer } from "../../src/layers/layer.js";
import { matchGlobs, matchingStart } from "../../src/layers/glob.js";
import { gridSize } from "../../src/model/config.js";
import { familyOf } from "../../src/model/families.js";
import type { PromptableModel } from "../../src/model/promptableModel.js";
import type { LongCall } from "../../src/predictor/longCall.js";
import type { Frame, Preset } from "../../src/predictor/presets.js";
import { prepareImage } from "../../src/predictor/presetTable.js";
import { SamPredictor } from "../../src/predictor/samPredictor.js";
import { seenRegion } from "../../src/predictor/seenRegion.js";
import type { Point, Prompt } from "../../src/predictor/types.js";

// The worker's part of the panel 'Look inside'. What it keeps between calls are values, no tensors.

/** A layer as the panel lists it. */
export interface LayerInfo {
  /** As in the state_dict; empty for the model. */
  readonly path: string;
  /** Its output with PyTorch's axes; nothing when it has several, or does not run. */
  readonly shape?: readonly number[];
  readonly parameters: number;
  /** Whether it is a block of the image encoder. */
  readonly isBlock: boolean;
  /** Of a block that attends over the whole grid. */
  readonly globalHeads?: number;
}

/** What a layer computed. */
export interface Activation {
  readonly shape: readonly number[];
  readonly range: readonly [least: number, largest: number];
  /** How it became a picture: a map's three principal components, a single channel, or rows of a matrix. */
  readonly kind: "components" | "channel" | "matrix";
  readonly picture: PixelImage;
  /** Cells of the encoder's grid that what the model sees covers. */
  readonly cover: Cover;
  /** The part of the image that the model sees. */
  readonly region: Region;
}

/** Where a place looks. */
export interface Attention {
  readonly cell: GridCell;
  readonly cover: Cover;
  readonly heads: number;
  /** Cells a side of the encoder's grid. */
  readonly side: number;
  /** [heads, side, side], each head's sum is 1. */
  readonly values: Float32Array;
}

/** What a block got when it ran last, so that it can run again alone. */
let kept:
  | { readonly block: string; readonly input: TracedTensor; readonly frame: Frame; readonly region: Region }
  | undefined;

export function forget(): void {
  kept = undefined;
}

export function layersOf(model: PromptableModel): LayerInfo[] {
  const { layers, values } = summariseModel(model);
  const cells = gridSize(model.config) ** 2;
  const scores = new Map(values.map(({ path, shape }) => [path, shape]));
  const blocks = blocksOf(model);
  return layers.map(({ path, shape, parameters }) => {
    const [heads, tokens] = scores.get(`${path}.attn.scores`) ?? [];
    const isBlock = blocks.includes(path);
    const isGlobal = isBlock && tokens === cells;
    return { path, parameters, isBlock, ...(shape && { shape }), ...(isGlobal && { globalHeads: heads }) };
  });
}

/** Paths of the image encoder's blocks, in order. */
function blocksOf(model: PromptableModel): string[] {
  const paths = [...model.namedLayers()].map(([path]) => path);
  return matchGlobs(familyOf(model.config).blocks, paths);
}

export interface ActivationOf {
  readonly image: PixelImage;
  readonly preset: Preset;
  readonly crop: number;
  readonly path: string;
  /** With the image encoded, and a prompt on it: for what comes after the encoder. */
  readonly predictor: SamPredictor | undefined;
  readonly prompt: Prompt | undefined;
}

/** Runs the encoder, or what comes after it, and gives what one of its layers computed. */
export async function activation(
  model: PromptableModel,
  { image, preset, crop, path, predictor, prompt }: ActivationOf,
  call: LongCall,
): Promise<Activation> {
  forget();
  const region = seenRegion(prompt ?? {}, crop, image);
  const { frame } = prepareImage(preset, cropImage(image, region), model.config.imageSize);
  const ofImage = path.startsWith("image_encoder");
  const { firstBlockInput, blocks } = familyOf(model.config);
  const block = matchingStart(blocks, path);
  const all = blocksOf(model);
  const input = block === undefined ? undefined : [firstBlockInput, ...all][all.indexOf(block)];
  const found = new Map<string, TracedTensor>();
  await watch(
    model,
    (at) => (at === path || at === input ? [WHOLE] : []),
    (at, value) => found.set(at, value),
    () => (ofImage ? encode(model, { preset, crop, image, prompt }, call) : decode(predictor, prompt)),
  );
  call.signal?.throwIfAborted();
  const value = found.get(path);
  if (value === undefined) throw new Error(`${path} does not run for this prompt`);
  const before = input === undefined ? undefined : found.get(input);
  if (block !== undefined && before !== undefined) kept = { block, input: before, frame, region };
  const { cover } = placeOnGrid([0, 0], frame, gridSize(model.config));
  return { shape: value.shape, range: valueRange(value.values), cover, region, ...pictureOf(value) };
}

async function encode(
  model: PromptableModel,
  { preset, crop, image, prompt }: Pick<ActivationOf, "preset" | "crop" | "image" | "prompt">,
  call: LongCall,
): Promise<void> {
  // Without a prompt the whole image is seen.
  const predictor = new SamPredictor(model, { preset, crop: prompt === undefined ? 0 : crop });
  try {
    await predictor.setImage(image, call);
    if (prompt !== undefined && crop > 0) await predictor.predict(prompt, call);
  } finally {
    await predictor.dispose();
  }
}

async function decode(predictor: SamPredictor | undefined, prompt: Prompt | undefined): Promise<void> {
  if (predictor === undefined || prompt === undefined)
    throw new Error("the decoder computes for a prompt: draw a box or set a point first");
  await predictor.predict(prompt);
}

/** One number a pixel, or a few as colours. */
function pictureOf(value: TracedTensor): Pick<Activation, "kind" | "picture"> {
  const map = featureMap(value);
  if (map === undefined) return { kind: "matrix", picture: heatMap(matrixOf(value), 1) };
  if (map.channels < 3)
    return { kind: "channel", picture: heatMap({ ...map, values: channelOf(map, 0) }, 1) };
  return { kind: "components", picture: componentColours(map, principalComponents(map), 1) };
}

/** Rows and columns of a picture at most. */
const MOST = 256;

/** All axes but the last as rows, the last as columns; the means of neighbours where there are too many. */
function matrixOf({ shape, values }: TracedTensor): ValueMap {
  const columns = shape.at(-1) ?? 1;
  const rows = values.length / columns;
  const [height, width] = [Math.min(rows, MOST), Math.min(columns, MOST)];
  const [sums, counts] = [new Float32Array(height * width), new Float32Array(height * width)];
  for (let row = 0, n = 0; row < rows; row++) {
    const to = Math.floor((row * height) / rows) * width;
    for (let column = 0; column < columns; column++, n++) {
      const cell = to + Math.floor((column * width) / columns);
      sums[cell] += values[n];
      counts[cell]++;
    }
  }
  return { height, width, values: sums.map((sum, cell) => sum / counts[cell]) };
}

/** Runs the block of the last activation again, alone, for a place of the image. */
export async function attention(model: PromptableModel, at: Point): Promise<Attention> {
  if (kept === undefined) throw new Error("no block is looked into: choose one first");
  const { block, input, frame, region } = kept;
  const side = gridSize(model.config);
  const grid = { height: side, width: side };
  const { cell, cover } = placeOnGrid([at[0] - region.x, at[1] - region.y], frame, side);
  const layer = [...model.namedLayers()].find(([path]) => path === block)?.[1] as Layer | undefined;
  const pick = attentionOfCell(cell, grid);
  let picked: TracedTensor | undefined;
  const x = tf.tensor(input.values, [...input.shape]);
  try {
    await watch(
      model,
      (path) => (path === `${block}.attn.scores` ? [pick] : []),
      (_, value) => (picked = value),
      () => tf.dispose(layer?.call(x)),
    );
  } finally {
    x.dispose();
  }
  if (picked === undefined) throw new Error(`${block} does not tell where it attends`);
  const { heads, values } = attentionMap(picked, cell, grid);
  return { cell, cover, heads, side, values };
}
