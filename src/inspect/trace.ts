import * as tf from "@tensorflow/tfjs";
import { observeLayers, type AnyLayer } from "../layers/layer.js";
import { globToRegExp } from "../layers/glob.js";

/** A named value of a forward pass, with PyTorch's axes ([B, C, H, W] for maps). */
export interface TracedTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * Runs `body` and gives back the outputs and named intermediates of the layers whose paths match.
 *
 * @param model the tree that paths are read from.
 * @param patterns over paths such as `image_encoder.blocks.*.attn` (see `globToRegExp`).
 */
export async function trace<T>(
  model: { namedLayers(): Iterable<[path: string, layer: AnyLayer]> },
  patterns: readonly string[],
  body: () => T | Promise<T>,
): Promise<{ result: T; tensors: Map<string, TracedTensor> }> {
  const paths = new Map([...model.namedLayers()].map(([path, layer]) => [layer, path]));
  const expressions = patterns.map(globToRegExp);
  const pathOf = (layer: AnyLayer, name: string) =>
    [paths.get(layer), name].filter((part) => part !== "").join(".");
  const tensors = new Map<string, TracedTensor>();
  const kept = new Map<string, tf.Tensor>();
  // WebGPU cannot be read in the middle of a forward pass; elsewhere values leave the device at once, so that its
  // memory holds one at a time.
  const readLater = tf.getBackend() === "webgpu";
  const keep = (path: string, value: tf.Tensor) => {
    if (readLater) {
      // A layer that runs twice leaves its last value.
      kept.get(path)?.dispose();
      kept.set(path, tf.keep(value.clone()));
    } else tensors.set(path, { shape: value.shape, values: Float32Array.from(value.dataSync()) });
  };
  try {
    const result = await observeLayers(
      {
        wants: (layer, name) => {
          if (!paths.has(layer)) return false;
          const path = pathOf(layer, name);
          return expressions.some((expression) => expression.test(path));
        },
        observe: (layer, name, value) => {
          const isMap = name === "" ? layer.layout === "nhwc" : layer.mapOutputs.includes(name);
          tf.tidy(() => keep(pathOf(layer, name), isMap ? value.transpose([0, 3, 1, 2]) : value));
        },
      },
      body,
    );
    for (const [path, tensor] of kept)
      tensors.set(path, { shape: tensor.shape, values: Float32Array.from(await tensor.data()) });
    return { result, tensors };
  } finally {
    for (const tensor of kept.values()) tensor.dispose();
  }
}
