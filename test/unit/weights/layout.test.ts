import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../src/weights/checkpoint.js";
import { tfShape, tfToTorch, torchToTf, type Layout } from "../../../src/weights/layout.js";

const RANKS: Readonly<Record<Layout, number>> = {
  same: 3,
  linear: 2,
  conv2d: 4,
  depthwiseConv2d: 4,
  convTranspose2d: 4,
};

describe("layouts", () => {
  it("of a linear weight is its transpose", () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    expect([...torchToTf(data, [2, 3], "linear")]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(tfShape([2, 3], "linear")).toEqual([3, 2]);
  });

  it("of a convolution puts element [o, i, y, x] at [y, x, i, o]", () => {
    const shape = [2, 3, 4, 5];
    const data = Float32Array.from({ length: 120 }, (_, n) => n);
    const moved = torchToTf(data, shape, "conv2d");
    expect(tfShape(shape, "conv2d")).toEqual([4, 5, 3, 2]);
    const [o, i, y, x] = [1, 2, 3, 1];
    expect(moved[((y * 5 + x) * 3 + i) * 2 + o]).toBe(((o * 3 + i) * 4 + y) * 5 + x);
  });

  it("of a transposed convolution puts element [i, o, y, x] at [i, y, x, o]", () => {
    const shape = [3, 2, 4, 5];
    const data = Float32Array.from({ length: 120 }, (_, n) => n);
    const moved = torchToTf(data, shape, "convTranspose2d");
    expect(tfShape(shape, "convTranspose2d")).toEqual([3, 4, 5, 2]);
    const [i, o, y, x] = [2, 1, 3, 1];
    expect(moved[((i * 4 + y) * 5 + x) * 2 + o]).toBe(((i * 2 + o) * 4 + y) * 5 + x);
  });

  it("come back to the bit, NaN payloads and negative zeros included", () => {
    const layouts = fc.constantFrom(...(Object.keys(RANKS) as Layout[]));
    const cases = layouts.chain((layout) =>
      fc.tuple(
        fc.constant(layout),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: RANKS[layout], maxLength: RANKS[layout] }),
        fc.infiniteStream(fc.integer({ min: 0, max: 0xffffffff })),
      ),
    );
    fc.assert(
      fc.property(cases, ([layout, shape, bits]) => {
        const source = Uint32Array.from({ length: sizeOf(shape) }, () => bits.next().value as number);
        const back = tfToTorch(torchToTf(new Float32Array(source.buffer), shape, layout), shape, layout);
        const got = new Uint32Array(back.buffer, back.byteOffset, back.length);
        // A signalling NaN may come back quiet: that one bit is the processor's, not ours.
        const quiet = (n: number) =>
          (n & 0x7f800000) === 0x7f800000 && n & 0x7fffff ? (n | 0x400000) >>> 0 : n;
        expect([...got].map(quiet)).toEqual([...source].map(quiet));
      }),
    );
  });
});
