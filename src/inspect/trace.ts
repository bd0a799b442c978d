import * as tf from "@tensorflow/tfjs";
import { observeLayers, type AnyLayer, type ValueByRows } from "../layers/layer.js";
import { globToRegExp, matchAllGlobs } from "../layers/glob.js";
import { sizeOf } from "../weights/checkpoint.js";

/** A named value of a forward pass, with PyTorch's axes ([B, C, H, W] for maps). */
export interface TracedTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A tree that paths are read from. */
export interface Traceable {
  /** All layers with their state_dict paths. */
  namedLayers(): Iterable<[path: string, layer: AnyLayer]>;
}

/**
 * Runs `body` and gives back the outputs and named intermediates of the layers whose paths match.
 *
 * @param patterns over paths such as `image_encoder.blocks.*.attn` (see `globToRegExp`).
 * @throws RangeError for a pattern that matches nothing of what was computed, with the names nearest to it.
 */
export async function trace<T>(
  model: Traceable,
  patterns: readonly string[],
  body: () => T | Promise<T>,
): Promise<{ result: T; tensors: Map<string, TracedTensor> }> {
  const expressions = patterns.map(globToRegExp);
  const tensors = new Map<string, TracedTensor>();
  const announced = new Set<string>();
  const result = await watch(
    model,
    (path) => {
      announced.add(path);
      return expressions.some((expression) => expression.test(path)) ? [WHOLE] : [];
    },
    (path, value) => tensors.set(path, value),
    body,
  );
  if (announced.size === 0)
    throw new RangeError(
      "trace: no layer of the model ran in body; a SamPredictor with a crop encodes in predict, not in setImage",
    );
  matchAllGlobs(patterns, [...announced], "layer or named value");
  return { result, tensors };
}

/** A value as layers announce it. */
export type AnnouncedValue = tf.Tensor | ValueByRows;

/** What is to be read of a value: the value itself, or something made of it, such as a few of its rows. */
export type Pick = (value: AnnouncedValue) => AnnouncedValue;

/** The whole value. */
export const WHOLE: Pick = (value) => value;

/**
 * Runs `body` and hands over each wanted value as soon as it is there, in the order in which they are computed, so
 * that memory need not hold them all.
 *
 * @param wants what is asked for of the value of a path; nothing where the list is empty.
 * @param receive gets each, and which of `wants` it was.
 */
export async function watch<T>(
  model: Traceable,
  wants: (path: string) => readonly Pick[],
  receive: (path: string, value: TracedTensor, pick: Pick) => void,
  body: () => T | Promise<T>,
): Promise<T> {
  const paths = new Map([...model.namedLayers()].map(([path, layer]) => [layer, path]));
  const pathOf = (layer: AnyLayer, name: string) =>
    [paths.get(layer), name].filter((part) => part !== "").join(".");
  const kept = new Map<string, Map<Pick, Readable>>();
  const free = (path: string) => {
    for (const value of kept.get(path)?.values() ?? []) value.dispose();
    kept.delete(path);
  };
  // WebGPU cannot be read in the middle of a forward pass; elsewhere values leave the device at once, so that its
  // memory holds one at a time.
  const readLater = tf.getBackend() === "webgpu";
  const hand = (path: string, picked: readonly (readonly [Pick, AnnouncedValue])[]) => {
    if (!readLater) return picked.forEach(([pick, value]) => receive(path, readNow(value), pick));
    free(path); // a layer that runs twice leaves its last value
    kept.set(path, new Map(picked.map(([pick, value]) => [pick, keep(value)])));
  };
  try {
    const result = await observeLayers(
      {
        wants: (layer, name) => paths.has(layer) && wants(pathOf(layer, name)).length > 0,
        observe: (layer, name, value) => {
          const path = pathOf(layer, name);
          const isMap = name === "" ? layer.layout === "nhwc" : layer.mapOutputs.includes(name);
          tf.tidy(() => {
            const upstream = isMap && value instanceof tf.Tensor ? value.transpose([0, 3, 1, 2]) : value;
            hand(
              path,
              wants(path).map((pick) => [pick, pick(upstream)]),
            );
          });
        },
      },
      body,
    );
    for (const [path, values] of kept)
      for (const [pick, value] of values) receive(path, await readInTime(value), pick);
    return result;
  } finally {
    for (const path of kept.keys()) free(path);
  }
}

function keep(value: AnnouncedValue): Readable {
  return value instanceof tf.Tensor ? tf.keep(value.clone()) : value.keep();
}

type Readable = tf.Tensor | (ValueByRows & { dispose(): void });

/** Bytes of a value by rows that are computed at a time. */
const PIECE_BYTES = 16 * 2 ** 20;

/** The pieces of a value: some rows of a group, and where they lie in it. */
function* pieces({ shape: [groups, rows, columns] }: ValueByRows) {
  const most = Math.max(1, Math.floor(PIECE_BYTES / 4 / columns));
  for (let group = 0; group < groups; group++)
    for (let start = 0; start < rows; start += most)
      yield { group, start, count: Math.min(most, rows - start), at: (group * rows + start) * columns };
}

function readNow(value: AnnouncedValue): TracedTensor {
  if (value instanceof tf.Tensor) return { shape: value.shape, values: new Float32Array(value.dataSync()) };
  const values = new Float32Array(sizeOf(value.shape));
  for (const { group, start, count, at } of pieces(value))
    tf.tidy(() => values.set(value.rows(group, start, count).dataSync(), at));
  return { shape: value.shape, values };
}

async function readInTime(value: AnnouncedValue): Promise<TracedTensor> {
  if (value instanceof tf.Tensor) return { shape: value.shape, values: new Float32Array(await value.data()) };
  const values = new Float32Array(sizeOf(value.shape));
  for (const { group, start, count, at } of pieces(value)) {
    const piece = value.rows(group, start, count);
    values.set(await piece.data(), at);
    piece.dispose();
  }
  return { shape: value.shape, values };
}
