import type * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { exactly, keeps } from "../../../src/layers/exactly.js";
import { Layer } from "../../../src/layers/layer.js";

class Twice extends Layer {
  forward(x: tf.Tensor): tf.Tensor {
    return x.mul(2);
  }
}
class Renamed extends Twice {}
class Thrice extends Twice {
  override forward(x: tf.Tensor): tf.Tensor {
    return x.mul(3);
  }
}
const thrice = (x: tf.Tensor) => x.mul(3);

describe.each([
  { name: "exactly", isTwice: exactly(Twice), takesSubclass: false },
  { name: "keeps", isTwice: keeps(Twice, "forward", "call"), takesSubclass: true },
])("$name", ({ isTwice, takesSubclass }) => {
  it("takes the class", () => expect(isTwice(new Twice())).toBe(true));

  it("tells a subclass that computes the same", () => expect(isTwice(new Renamed())).toBe(takesSubclass));

  it.each<[string, Layer]>([
    ["a subclass with its own forward", new Thrice()],
    ["a layer with its own forward", Object.assign(new Twice(), { forward: thrice })],
    ["a layer with its own call", Object.assign(new Twice(), { call: thrice })],
  ])("refuses %s", (_, layer) => expect(isTwice(layer)).toBe(false));

  it.each([
    ["the class", Twice.prototype, "forward"],
    ["the base class", Layer.prototype, "call"],
  ] as const)("refuses a layer after a method of %s was replaced", (_, prototype, method) => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, method)!;
    Object.defineProperty(prototype, method, { ...descriptor, value: thrice });
    try {
      expect(isTwice(new Twice())).toBe(false);
    } finally {
      Object.defineProperty(prototype, method, descriptor);
    }
    expect(isTwice(new Twice())).toBe(true);
  });
});
