import * as tf from "@tensorflow/tfjs";
import { CheckpointError, type Checkpoint } from "../weights/checkpoint.js";
import { tfShape, torchToTf } from "../weights/layout.js";
import { fromFloat32, toFloat32 } from "../weights/numbers.js";
import type { Parameter } from "../weights/paramScope.js";
import type { TensorToWrite } from "../weights/safetensorsWriter.js";
import type { Parameters } from "./gradients.js";

/** Running means of one parameter, in TensorFlow.js's layout; made at its first gradient. */
export interface Moments {
  steps: number;
  readonly mean: tf.Variable;
  readonly square: tf.Variable;
}

export function freshMoments(shape: number[]): Moments {
  const zeros = () => tf.tidy(() => tf.variable(tf.zeros(shape), false));
  return { steps: 0, mean: zeros(), square: zeros() };
}

/** `exp_avg.PATH`, `exp_avg_sq.PATH` and `step.PATH`, in PyTorch's names and layouts. */
export function momentsToWrite(path: string, parameter: Parameter, moments: Moments): TensorToWrite[] {
  const { shape } = parameter;
  const bytes = (variable: tf.Variable) => () =>
    fromFloat32(parameter.toTorch(variable.dataSync<"float32">()), "F32");
  const steps = () => fromFloat32(Float32Array.of(moments.steps), "F32");
  return [
    { name: `exp_avg.${path}`, dtype: "F32", shape, bytes: bytes(moments.mean) },
    { name: `exp_avg_sq.${path}`, dtype: "F32", shape, bytes: bytes(moments.square) },
    { name: `step.${path}`, dtype: "F32", shape: [], bytes: steps },
  ];
}

/** @throws CheckpointError when the file holds anything else than the whole moments of some of the parameters. */
export function assertMoments(saved: Checkpoint, parameters: Parameters): void {
  const expected = new Map<string, readonly number[]>();
  for (const [path, { shape }] of parameters)
    for (const [kind, own] of [
      ["exp_avg", shape],
      ["exp_avg_sq", shape],
      ["step", []],
    ] as const)
      expected.set(`${kind}.${path}`, own);
  for (const [name, { shape }] of saved.tensors) {
    const wanted = expected.get(name);
    if (wanted === undefined)
      throw new CheckpointError(
        `${saved.source}: ${name} is of no parameter that trains; resume with the same choice of parameters`,
      );
    if (wanted.join() !== shape.join())
      throw new CheckpointError(`${saved.source}: ${name} is [${shape}]; expected [${wanted}]`);
  }
  for (const path of parameters.keys())
    for (const name of [`exp_avg.${path}`, `exp_avg_sq.${path}`])
      if (saved.tensors.has(`step.${path}`) && !saved.tensors.has(name))
        throw new CheckpointError(`${saved.source}: ${name} is missing, though step.${path} is there`);
}

/** Moments of a file that `assertMoments` let through; `undefined` for a parameter that had no gradient yet. */
export function readMoments(saved: Checkpoint, path: string, parameter: Parameter): Moments | undefined {
  if (!saved.tensors.has(`step.${path}`)) return undefined;
  const read = (name: string) => toFloat32(saved.readBytes(name), saved.tensors.get(name)?.dtype ?? "F32");
  const [steps] = read(`step.${path}`);
  const mean = momentOf(parameter, read(`exp_avg.${path}`));
  const square = momentOf(parameter, read(`exp_avg_sq.${path}`));
  return { steps, mean, square };
}

/** A saved running mean, from PyTorch's layout. */
function momentOf({ shape, layout }: Parameter, values: Float32Array): tf.Variable {
  return tf.tidy(() => {
    // The copy, because the CPU backend computes on the array that it is given.
    const own = Float32Array.from(torchToTf(values, shape, layout));
    return tf.variable(tf.tensor(own, tfShape(shape, layout), "float32"), false);
  });
}
