import type { AnyLayer } from "./layer.js";

// Only what computes just as its class does may be computed by anything but its `call`. Whatever is faster asks here
// first: a subclass, or a method that was put in place, must never be passed over.

interface LayerClass<L extends AnyLayer> {
  readonly prototype: L;
}

/** A check for layers that have methods as `type` has them now, be they of a subclass or not. */
export function keeps<L extends AnyLayer>(
  type: LayerClass<L>,
  ...names: readonly (keyof L)[]
): (layer: AnyLayer) => boolean {
  const now = names.map((name) => type.prototype[name]);
  return (layer) => names.every((name, index) => Reflect.get(layer, name) === now[index]);
}

/** A check for layers of this class itself, with `forward` and `call` as they are now in the class and in the layer. */
export function exactly<L extends AnyLayer>(type: LayerClass<L>): (layer: AnyLayer) => layer is L {
  const isUnchanged = keeps(type, "forward", "call");
  return (layer): layer is L => layer.constructor === type && isUnchanged(layer);
}
