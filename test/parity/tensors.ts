import * as tf from "@tensorflow/tfjs";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { sizeOf, type Checkpoint } from "../../src/weights/checkpoint.js";
import { toFloat32 } from "../../src/weights/numbers.js";
import { oracleStream } from "./oracle.js";

// What Node and the browser share of the fixtures.

/** A file of `tools/convert/make_fixtures.py`: what to build, and tensors with PyTorch's axes. */
export interface Fixture {
  readonly case: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, TracedTensor>;
}

export function fixtureOf(file: Checkpoint): Fixture {
  const tensors = new Map<string, TracedTensor>();
  for (const [name, { shape, dtype }] of file.tensors)
    tensors.set(name, { shape, values: toFloat32(file.readBytes(name), dtype) });
  return { case: JSON.parse(file.metadata["case"]) as Fixture["case"], tensors };
}

/** Those whose names begin with `prefix`, without it. */
export function under(tensors: Fixture["tensors"], prefix: string): Map<string, TracedTensor> {
  const entries = [...tensors].filter(([name]) => name.startsWith(prefix));
  return new Map(entries.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Intermediates and outputs: neither inputs nor gradients. */
export function computed(tensors: Fixture["tensors"]): Map<string, TracedTensor> {
  return new Map([...tensors].filter(([name]) => !/^(input|grad|expected)\./.test(name)));
}

/** To a tensor; a map [B, C, h, w] gets its channels last. */
export function toTensor({ shape, values }: TracedTensor, isMap = false): tf.Tensor {
  return tf.tidy(() => {
    const tensor = tf.tensor(values, [...shape]);
    return isMap ? tensor.transpose([0, 2, 3, 1]) : tensor.clone();
  });
}

/** From a tensor, with PyTorch's axes. */
export function fromTensor(tensor: tf.Tensor, isMap = false): TracedTensor {
  return tf.tidy(() => {
    const plain = isMap ? tensor.transpose([0, 3, 1, 2]) : tensor;
    return { shape: plain.shape, values: Float32Array.from(plain.dataSync()) };
  });
}

/** The loss of the fixtures: each output's elements times the stream of its name, summed. */
export function fixtureLoss(outputs: ReadonlyMap<string, { value: tf.Tensor; isMap: boolean }>): tf.Scalar {
  const sums = [...outputs].map(([name, { value, isMap }]) => {
    const plain = isMap ? value.transpose([0, 3, 1, 2]) : value;
    const weights = tf.tensor(
      Float32Array.from(oracleStream(`loss:${name}`, sizeOf(plain.shape))),
      plain.shape,
    );
    return plain.mul(weights).sum<tf.Scalar>();
  });
  return tf.addN(sums);
}

/** Mean, mean magnitude, and the values at some places. */
export function summaryOf(values: ArrayLike<number>, samples: readonly number[]): number[] {
  let [sum, absolute] = [0, 0];
  for (let n = 0; n < values.length; n++) {
    sum += values[n];
    absolute += Math.abs(values[n]);
  }
  return [sum / values.length, absolute / values.length, ...samples.map((index) => values[index])];
}
