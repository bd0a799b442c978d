import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../weights/checkpoint.js";

/**
 * What an image encoder gives of B images, for the decoder and for whatever keeps it. Whoever is given features frees
 * them, with `disposeFeatures`.
 */
export interface ImageFeatures {
  /** [B, grid, grid, C]. */
  readonly embedding: tf.Tensor;
  /**
   * Finer maps for the decoder's upscaling, the finest first. SAM has none; SAM 2 has [B, 4·grid, 4·grid, C/8] and
   * [B, 2·grid, 2·grid, C/4].
   */
  readonly highRes?: readonly tf.Tensor[];
}

/** Sizes of one map of one image. */
export type MapShape = readonly [height: number, width: number, channels: number];

/** Shapes of the features of one image. */
export interface FeatureShapes {
  readonly embedding: MapShape;
  readonly highRes?: readonly MapShape[];
}

/** All tensors of some features, the embedding first. */
export function featureTensors({ embedding, highRes = [] }: ImageFeatures): tf.Tensor[] {
  return [embedding, ...highRes];
}

/** The same features with each tensor replaced. */
export function mapFeatures(
  { embedding, highRes }: ImageFeatures,
  replace: (map: tf.Tensor) => tf.Tensor,
): ImageFeatures {
  return { embedding: replace(embedding), ...(highRes && { highRes: highRes.map(replace) }) };
}

/** Frees the tensors. */
export function disposeFeatures(features: ImageFeatures): void {
  tf.dispose(featureTensors(features));
}

/** Bytes of the tensors. */
export function featureBytes(features: ImageFeatures): number {
  return featureTensors(features).reduce((sum, { size }) => sum + 4 * size, 0);
}

/** Numbers that the features of one image are. */
export function featureSize(shapes: FeatureShapes): number {
  return shapesOf(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** The features of one image as numbers, map after map, each row by row. */
export async function featureValues(features: ImageFeatures): Promise<Float32Array> {
  const maps = await Promise.all(featureTensors(features).map((map) => map.data<"float32">()));
  const values = new Float32Array(maps.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const map of maps) {
    values.set(map, at);
    at += map.length;
  }
  return values;
}

/** What `featureValues` gave of each of B images, as the features of all. */
export function featuresFrom(images: readonly Float32Array[], shapes: FeatureShapes): ImageFeatures {
  let at = 0;
  const maps = shapesOf(shapes).map((shape) => {
    const end = at + sizeOf(shape);
    const stacked = tf.tidy(() =>
      tf.stack(images.map((values) => tf.tensor3d(values.subarray(at, end), [...shape]))),
    );
    at = end;
    return stacked;
  });
  const [embedding, ...highRes] = maps;
  return { embedding, ...(shapes.highRes && { highRes }) };
}

function shapesOf({ embedding, highRes = [] }: FeatureShapes): readonly MapShape[] {
  return [embedding, ...highRes];
}
