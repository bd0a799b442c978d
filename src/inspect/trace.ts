import * as tf from "@tensorflow/tfjs";
import { observeLayers, type AnyLayer } from "../layers/layer.js";
import { globToRegExp, matchAllGlobs } from "../layers/glob.js";

/** A named value of a forward pass, with PyTorch's axes ([B, C, H, W] for maps). */
export interface TracedTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A tree that paths are read from. */
export interface Traceable {
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
      return expressions.some((expression) => expression.test(path));
    },
    (path, value) => tensors.set(path, value),
    body,
  );
  matchAllGlobs(patterns, [...announced], "layer or named value");
  return { result, tensors };
}

/**
 * Runs `body` and hands over each wanted value as soon as it is there, in the order in which they are computed, so
 * that memory need not hold them all.
 *
 * @param wants whether the value of a path is asked for.
 */
export async function watch<T>(
  model: Traceable,
  wants: (path: string) => boolean,
  receive: (path: string, value: TracedTensor) => void,
  body: () => T | Promise<T>,
): Promise<T> {
  const paths = new Map([...model.namedLayers()].map(([path, layer]) => [layer, path]));
  const pathOf = (layer: AnyLayer, name: string) =>
    [paths.get(layer), name].filter((part) => part !== "").join(".");
  const kept = new Map<string, tf.Tensor>();
  // WebGPU cannot be read in the middle of a forward pass; elsewhere values leave the device at once, so that its
  // memory holds one at a time.
  const readLater = tf.getBackend() === "webgpu";
  const keep = (path: string, value: tf.Tensor) => {
    if (readLater) {
      // A layer that runs twice leaves its last value.
      kept.get(path)?.dispose();
      kept.set(path, tf.keep(value.clone()));
    } else receive(path, { shape: value.shape, values: Float32Array.from(value.dataSync()) });
  };
  try {
    const result = await observeLayers(
      {
        wants: (layer, name) => paths.has(layer) && wants(pathOf(layer, name)),
        observe: (layer, name, value) => {
          const isMap = name === "" ? layer.layout === "nhwc" : layer.mapOutputs.includes(name);
          tf.tidy(() => keep(pathOf(layer, name), isMap ? value.transpose([0, 3, 1, 2]) : value));
        },
      },
      body,
    );
    for (const [path, tensor] of kept)
      receive(path, { shape: tensor.shape, values: Float32Array.from(await tensor.data()) });
    return result;
  } finally {
    for (const tensor of kept.values()) tensor.dispose();
  }
}
