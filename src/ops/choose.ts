import * as tf from "@tensorflow/tfjs";
import { withoutGradient } from "./autograd.js";

/** Rows of `count` numbers, 1 at the place that is chosen in each and else 0: places [n], from 0, give [n, count]. */
export function choice(places: tf.Tensor, count: number): tf.Tensor2D {
  // `tf.oneHot` takes no single place.
  return withoutGradient(() =>
    places
      .expandDims(1)
      .equal<tf.Tensor2D>(tf.range(0, count, 1, "int32"))
      .cast("float32"),
  );
}

/** The place of the largest number of each row, as `choice`: [n, count] gives the same. */
export function largest(rows: tf.Tensor): tf.Tensor2D {
  const [, count] = rows.shape;
  return withoutGradient(() => choice(rows.argMax(1), count));
}

/** 1 where positive, else 0; a constant to any gradient. */
export function positive(values: tf.Tensor): tf.Tensor {
  return withoutGradient(() => values.greater(0).cast("float32"));
}
