import * as tf from "@tensorflow/tfjs";
import { assertBackendInUse } from "./backendInUse.js";
import { CheckpointError, type Checkpoint, type TensorInfo } from "./checkpoint.js";
import { initialValues, type Initial } from "./initial.js";
import { tfShape, tfToTorch, torchToTf, type Layout } from "./layout.js";
import { toFloat32 } from "./numbers.js";

/** Where a layer's values come from. Values and shapes are PyTorch's. */
export interface ParameterSource {
  /** @returns `undefined` for zeros, which take no time. */
  values(path: string, shape: readonly number[], initial: Initial): Float32Array | undefined;
}

/** One named tensor of the model: PyTorch's shape outside, TensorFlow.js's layout inside. */
export class Parameter {
  /** PyTorch's shape. */
  readonly shape: readonly number[];
  readonly layout: Layout;
  /** The tensor that layers compute with, in TensorFlow.js's layout. Assigning to it changes the model. */
  readonly value: tf.Variable;

  constructor(torchValues: Float32Array | undefined, shape: readonly number[], layout: Layout) {
    assertBackendInUse();
    this.shape = shape;
    this.layout = layout;
    // Built outside of any tidy's reach: a parameter lives until its owner disposes it.
    const initial =
      torchValues === undefined
        ? tf.zeros(tfShape(shape, layout))
        : tf.tensor(torchToTf(torchValues, shape, layout), tfShape(shape, layout), "float32");
    this.value = tf.variable(initial);
    initial.dispose();
  }

  /** Values laid out as this parameter's (by default its own; or a gradient's) in PyTorch's order. */
  toTorch(values: Float32Array = this.value.dataSync<"float32">()): Float32Array {
    return tfToTorch(values, this.shape, this.layout);
  }

  /** Frees its memory; the layer that has it cannot be used afterwards. */
  dispose(): void {
    this.value.dispose();
  }
}

/**
 * A place in the state_dict. A layer asks its scope for each parameter by name and PyTorch shape, so building a
 * layer is loading it.
 */
export class ParamScope {
  constructor(
    private readonly source: ParameterSource,
    readonly path = "",
  ) {}

  /** The scope of a child: `scope.at("blocks").at(3)` is `….blocks.3`. */
  at(name: string | number): ParamScope {
    return new ParamScope(this.source, this.pathOf(String(name)));
  }

  /**
   * The parameter `name` of this scope.
   *
   * @param shape PyTorch's shape.
   * @param initial what it starts with where there are no values of it: a number, a function, or a distribution.
   */
  get(name: string, shape: readonly number[], initial: Initial, layout: Layout = "same"): Parameter {
    return new Parameter(this.source.values(this.pathOf(name), shape, initial), shape, layout);
  }

  private pathOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}

/** Fresh values with PyTorch's distributions, the same for the same seed on every machine. */
export function seededParameters(seed: number): ParamScope {
  return new ParamScope({ values: (path, shape, initial) => initialValues(path, shape, initial, seed) });
}

/** What did not fit between a checkpoint and a model. All lists are of state_dict paths. */
export interface LoadReport {
  /** `[name in the file, state_dict path]`, where they differ. */
  readonly renamed: readonly (readonly [string, string])[];
  readonly missing: readonly string[];
  readonly misshapen: readonly {
    readonly path: string;
    readonly expected: readonly number[];
    readonly got: readonly number[];
  }[];
  /** Tensors that the model has no place for; they were left out. */
  readonly unexpected: readonly string[];
  /** Left out without being missed: unused constants, second copies, values of classes that are not known. */
  readonly dropped: readonly string[];
  /** What the checkpoint does not tell, and was taken by default: a line each. Absent where there is nothing. */
  readonly assumed?: readonly string[];
}

/**
 * What does not fit between a model and a checkpoint, by their shapes alone.
 *
 * @param expected PyTorch's shapes that the model asks for, by state_dict path.
 * @param tensors of the checkpoint, by state_dict path (see `keys.ts`).
 */
export function compareShapes(
  expected: ReadonlyMap<string, readonly number[]>,
  tensors: ReadonlyMap<string, TensorInfo>,
): Pick<LoadReport, "missing" | "misshapen" | "unexpected"> {
  const missing: string[] = [];
  const misshapen: { path: string; expected: readonly number[]; got: readonly number[] }[] = [];
  for (const [path, shape] of expected) {
    const got = tensors.get(path)?.shape;
    if (got === undefined) missing.push(path);
    else if (!sameShape(got, shape)) misshapen.push({ path, expected: shape, got });
  }
  const unexpected = [...tensors.keys()].filter((path) => !expected.has(path));
  return { missing, misshapen, unexpected };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, axis) => side === b[axis]);
}

/**
 * Reads parameters from a checkpoint, by state_dict path. What it lacks, or has in another shape, gets its initial value.
 *
 * @param options `strict`: refuse what would get its initial value, with a CheckpointError that names it. Default false.
 */
export function checkpointParameters(checkpoint: Checkpoint, { strict = false } = {}): ParamScope {
  return new ParamScope({
    values(path, shape, initial) {
      const info = checkpoint.tensors.get(path);
      if (info === undefined || !sameShape(info.shape, shape)) {
        if (strict)
          throw new CheckpointError(
            `${checkpoint.source}: ${path} is ${info === undefined ? "missing" : `[${info.shape}]`}; expected ` +
              `[${shape}]. Without "strict" it starts with its initial value`,
          );
        return initialValues(path, shape, initial, 0);
      }
      return toFloat32(checkpoint.readBytes(path), info.dtype);
    },
  });
}

/** @throws CheckpointError naming what is missing and misshapen, up to 8 tensors each. */
export function assertComplete(
  { missing, misshapen }: Pick<LoadReport, "missing" | "misshapen">,
  source: string,
): void {
  if (missing.length === 0 && misshapen.length === 0) return;
  const show = (items: readonly string[]) =>
    items.slice(0, 8).join(", ") + (items.length > 8 ? `, and ${items.length - 8} more` : "");
  const parts: string[] = [];
  if (missing.length > 0) parts.push(`${missing.length} missing: ${show(missing)}`);
  if (misshapen.length > 0) {
    const lines = misshapen.map(({ path, expected, got }) => `${path} expected [${expected}], got [${got}]`);
    parts.push(`${misshapen.length} misshapen: ${show(lines)}`);
  }
  throw new CheckpointError(`${source}: does not fit the model; ${parts.join("; ")}`);
}
