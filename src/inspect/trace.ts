import * as tf from "@tensorflow/tfjs";
import { observeLayers, type AnyLayer } from "../layers/layer.js";
import { globToRegExp } from "./glob.js";

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
  body: () => T,
): Promise<{ result: T; tensors: Map<string, TracedTensor> }> {
  const paths = new Map([...model.namedLayers()].map(([path, layer]) => [layer, path]));
  const expressions = patterns.map(globToRegExp);
  const pathOf = (layer: AnyLayer, name: string) =>
    [paths.get(layer), name].filter((part) => part !== "").join(".");
  const kept = new Map<string, tf.Tensor>();
  try {
    const result = observeLayers(
      {
        wants: (layer, name) => {
          if (!paths.has(layer)) return false;
          const path = pathOf(layer, name);
          return expressions.some((expression) => expression.test(path));
        },
        observe: (layer, name, value) => {
          const path = pathOf(layer, name);
          const isMap = name === "" ? layer.layout === "nhwc" : layer.mapOutputs.includes(name);
          // A layer that runs twice leaves its last value.
          kept.get(path)?.dispose();
          kept.set(path, tf.keep(isMap ? value.transpose([0, 3, 1, 2]) : value.clone()));
        },
      },
      body,
    );
    const tensors = new Map<string, TracedTensor>();
    for (const [path, tensor] of kept)
      tensors.set(path, { shape: tensor.shape, values: Float32Array.from(await tensor.data()) });
    return { result, tensors };
  } finally {
    for (const tensor of kept.values()) tensor.dispose();
  }
}
