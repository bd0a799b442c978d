import * as tf from "@tensorflow/tfjs";
import { Parameter } from "../weights/paramScope.js";

/** What a layer may return: a tensor, or a few by name. */
export type LayerOutput = tf.Tensor | Readonly<Record<string, tf.Tensor>>;

/** A value too large to exist at once: a few of its rows can be computed at a time. */
export interface ValueByRows {
  readonly shape: readonly [groups: number, rows: number, columns: number];
  /** Rows of one group, [count, columns]. */
  rows(group: number, start: number, count: number): tf.Tensor2D;
  /** The same value with tensors of its own, to be read later; its taker frees it. */
  keep(): ValueByRows & {
    /** Frees its tensors. */
    dispose(): void;
  };
}

/** Told of the values that layers announce while a trace runs. */
export interface LayerObserver {
  /** Whether the value is asked for. @param name of an intermediate inside `layer`; empty for its output. */
  wants(layer: AnyLayer, name: string): boolean;
  /** Receives a value that was asked for. It is borrowed: its tensors may be freed when this returns. */
  observe(layer: AnyLayer, name: string, value: tf.Tensor | ValueByRows): void;
  /** Told before a layer computes, and after it has. */
  enter?(layer: AnyLayer): void;
  leave?(layer: AnyLayer): void;
}

let observer: LayerObserver | undefined;

/**
 * Runs `body` with every layer's outputs and taps announced to `to`, until it ends or its promise settles. One
 * observer listens at a time; one inside another takes its place meanwhile.
 */
export function observeLayers<T>(to: LayerObserver, body: () => T): T {
  const outer = observer;
  const end = () => {
    observer = outer;
  };
  observer = to;
  let result: T;
  try {
    result = body();
  } catch (error) {
    end();
    throw error;
  }
  if (result instanceof Promise) return result.finally(end) as T;
  end();
  return result;
}

/**
 * A module of the network, as PyTorch's `nn.Module`: its fields that are layers are its children, its fields
 * that are parameters its own, and the fields' names, in snake case, are the state_dict path. So
 * `model.imageEncoder.blocks[3].mlp.lin1` is `image_encoder.blocks.3.mlp.lin1`, and a child may be replaced by
 * any layer of the same type.
 */
export abstract class Layer<
  Args extends readonly unknown[] = [x: tf.Tensor],
  Out extends LayerOutput = tf.Tensor,
> {
  /**
   * `nhwc` when the output is a map that PyTorch would hold as [B, C, H, W]; traces and comparisons use it to
   * give PyTorch's axes back.
   */
  layout: "same" | "nhwc" = "same";
  /** The same for outputs with names: those that are maps. */
  readonly mapOutputs: readonly string[] = [];
  private disposed = false;

  /** The computation. Call it through `call`, which frees its intermediates. */
  abstract forward(...args: Args): Out;

  /** `forward` inside a tidy: everything but the result is freed. Announced to a running trace. */
  call(...args: Args): Out {
    const self = this as unknown as AnyLayer;
    observer?.enter?.(self);
    const out = this.named(() => tf.tidy(() => this.forward(...args)));
    observer?.leave?.(self);
    if (observer !== undefined) {
      const values: Readonly<Record<string, tf.Tensor>> = out instanceof tf.Tensor ? { "": out } : out;
      for (const [name, value] of Object.entries(values)) this.announce(snakeCase(name), () => value);
    }
    return out;
  }

  /** Runs a part of the computation; layers that an error is about get their paths from here on. */
  protected named<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw error instanceof LayerShapeError ? error.within(this) : error;
    }
  }

  /**
   * Names an intermediate for traces and gives it back unchanged.
   *
   * @param view how PyTorch would hold it, where the layer keeps it otherwise; computed for traces only.
   */
  protected tap<T extends tf.Tensor>(name: string, value: T, view?: (value: T) => tf.Tensor): T {
    this.announce(name, () => (view === undefined ? value : view(value)));
    return value;
  }

  /** Like `tap`, for a value that the computation itself does not need: made for traces only. */
  protected announce(name: string, value: () => tf.Tensor | ValueByRows): void {
    const self = this as unknown as AnyLayer;
    if (observer?.wants(self, name)) observer.observe(self, name, value());
  }

  /** Whether a trace asks for the output of a child, so that each must be computed by itself. */
  protected get isWatched(): boolean {
    const watching = observer;
    if (watching === undefined) return false;
    return [...this.children()].some(([, child]) => watching.wants(child, ""));
  }

  /**
   * Gives back what a child computed, which must have this shape: a child may be any layer, and TensorFlow.js would
   * broadcast what is wrong, or complain of a later operation.
   *
   * @throws LayerShapeError naming the child, what was expected and what came.
   */
  protected checked<T extends tf.Tensor>(child: AnyLayer, value: T, expected: readonly number[]): T {
    if (value.shape.join() !== expected.join()) throw new LayerShapeError(child, expected, value.shape);
    return value;
  }

  /** Children with their names, an array's elements as `field.index`. */
  *children(): Generator<[name: string, child: AnyLayer]> {
    for (const [field, value] of Object.entries(this) as [string, unknown][]) {
      if (value instanceof Layer) yield [snakeCase(field), value];
      else if (Array.isArray(value)) {
        for (const [index, item] of value.entries())
          if (item instanceof Layer) yield [`${snakeCase(field)}.${index}`, item];
      }
    }
  }

  /** This layer and all below it, with their state_dict paths; parents first. */
  *namedLayers(path = ""): Generator<[path: string, layer: AnyLayer]> {
    yield [path, this as unknown as AnyLayer];
    for (const [name, child] of this.children()) yield* child.namedLayers(join(path, name));
  }

  /** All parameters of this layer and those below it, by state_dict path. */
  namedParameters(path = ""): Map<string, Parameter> {
    const found = new Map<string, Parameter>();
    for (const [layerPath, layer] of this.namedLayers(path)) {
      for (const [field, value] of Object.entries(layer) as [string, unknown][])
        if (value instanceof Parameter) found.set(join(layerPath, snakeCase(field)), value);
    }
    return found;
  }

  /** True after `dispose`. */
  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Frees all parameters of this layer and those below it. The layer cannot be used afterwards. */
  dispose(): void {
    this.disposed = true;
    for (const parameter of this.namedParameters().values()) parameter.dispose();
  }
}

/**
 * `Layer`, to be extended by classes that say how their children are read: as what their constructor puts there, though
 * any layer with the same inputs and outputs may be put there later.
 *
 * @typeParam Children a getter and a setter for each.
 */
export function layerWith<Children>() {
  return Layer as unknown as abstract new () => Layer & Children;
}

/** A layer, probably one that was put into a model, gives a shape that its parent cannot use. */
export class LayerShapeError extends Error {
  override name = "LayerShapeError";

  constructor(
    readonly layer: AnyLayer,
    readonly expected: readonly number[],
    readonly got: readonly number[],
    path = "",
  ) {
    super(
      `${path === "" ? "a layer" : path} (${layer.constructor.name}) gives [${got.join(", ")}]; ` +
        `expected [${expected.join(", ")}], the shape of the layer whose place it has`,
    );
  }

  /** The same error with the layer's path in a tree; itself when the layer is not in it. */
  within(root: { namedLayers(): Iterable<[path: string, layer: AnyLayer]> }): LayerShapeError {
    const found = [...root.namedLayers()].find(([, layer]) => layer === this.layer);
    if (found === undefined) return this;
    return new LayerShapeError(this.layer, this.expected, this.got, found[0]);
  }
}

/** A layer whose arguments do not matter, for walking trees. `never[]` makes every layer assignable to it. */
export type AnyLayer = Layer<never[], LayerOutput>;

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** `relPosH` to `rel_pos_h`; `norm1` stays. */
export function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
