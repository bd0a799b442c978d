import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend, type BackendName } from "../../../src/backend/useBackend.js";
import {
  attention,
  attentionBlocked,
  attentionPlain,
  gridAttentionBlocked,
  gridAttentionPlain,
} from "../../../src/ops/attention.js";
import { differentiate } from "../../../src/ops/autograd.js";
import { oracleInput } from "../../parity/oracle.js";

const GROUPS = 3;
const [HEIGHT, WIDTH, DIM] = [5, 7, 4];
const TOKENS = HEIGHT * WIDTH;

function inputs(): tf.Tensor3D[] {
  const make = (name: string, last: number) =>
    tf.tensor3d(
      oracleInput(name, [GROUPS, TOKENS, last]).map((x) => 6 * x - 3),
      [GROUPS, TOKENS, last],
    );
  return [make("q", DIM), make("k", DIM), make("v", DIM), make("rows", HEIGHT), make("columns", WIDTH)];
}

function largestDifference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.tidy(() => a.sub(b).abs().max().dataSync()[0]);
}

describe.each<BackendName>(["cpu", "wasm"])("attention in blocks, on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each([1, 4, 35, 100])("equals the readable form with blocks of %i queries", (blockRows) => {
    tf.tidy(() => {
      const [q, k, v, rows, columns] = inputs();
      const plain = gridAttentionPlain({ q, k, v }, { rows, columns });
      const blocked = gridAttentionBlocked({ q, k, v }, { rows, columns }, blockRows);
      expect(blocked.shape).toEqual(plain.shape);
      expect(largestDifference(blocked, plain)).toBeLessThan(1e-6);
    });
  });

  it.each([1, 4, 100])("with fewer queries than keys, equals the readable form with blocks of %i", (rows) => {
    tf.tidy(() => {
      const [q, k, v] = inputs();
      const heads = { q: q.slice<tf.Tensor3D>([0, 3, 0], [-1, 9, -1]), k, v };
      const plain = attentionPlain(heads);
      expect(plain.shape).toEqual([GROUPS, 9, DIM]);
      expect(largestDifference(attentionBlocked(heads, rows), plain)).toBeLessThan(1e-6);
    });
  });

  it("takes extreme scores without overflow", () => {
    tf.tidy(() => {
      const [q, k, v, rows, columns] = inputs();
      const far = { rows: rows.mul<tf.Tensor3D>(1e4), columns };
      const plain = gridAttentionPlain({ q, k, v }, far);
      expect(plain.isFinite().all().dataSync()[0]).toBe(1);
      expect(largestDifference(gridAttentionBlocked({ q, k, v }, far, 4), plain)).toBeLessThan(1e-5);
    });
  });
});

it("holds no more than a block of the scores of many keys", async () => {
  await useBackend("wasm");
  tf.tidy(() => {
    const [q, k] = [1024, 20000].map((tokens) => tf.zeros<tf.Rank.R3>([1, tokens, 1]));
    const most = { value: 0 };
    const { runKernelFunc } = tf.engine() as unknown as { runKernelFunc: (...args: unknown[]) => unknown };
    const engine = tf.engine() as unknown as Record<string, unknown>;
    engine["runKernelFunc"] = (...args: unknown[]) => {
      most.value = Math.max(most.value, tf.memory().numBytes);
      return runKernelFunc.apply(engine, args);
    };
    try {
      expect(attention({ q, k, v: k }).shape).toEqual([1, 1024, 1]);
    } finally {
      delete engine["runKernelFunc"];
    }
    expect(most.value).toBeGreaterThan(0);
    expect(most.value).toBeLessThan(3 * 4 * 512 * 20000);
  });
});

describe("gradients of attention in blocks", () => {
  beforeAll(() => useBackend("cpu"));

  it("equal those of the readable form, for every input", () => {
    tf.tidy(() => {
      const gradients = (form: typeof gridAttentionPlain) => {
        const loss = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) => {
          const heads = { q, k, v } as Parameters<typeof gridAttentionPlain>[0];
          const positions = { rows, columns } as Parameters<typeof gridAttentionPlain>[1];
          return form(heads, positions).square().sum<tf.Scalar>();
        };
        return tf.grads(loss)(inputs());
      };
      const plain = gradients(gridAttentionPlain);
      const blocked = gradients((heads, positions) => gridAttentionBlocked(heads, positions, 6));
      plain.forEach((gradient, index) => {
        expect(gradient.abs().max().dataSync()[0]).toBeGreaterThan(1e-3);
        expect(largestDifference(gradient, blocked[index])).toBeLessThan(1e-5);
      });
    });
  });

  it("hold no scores between forward and backward", () => {
    tf.tidy(() => {
      const [q, k, v] = [1, 2, 3].map((seed) =>
        tf.randomNormal<tf.Rank.R3>([1, 1024, 2], 0, 1, "float32", seed),
      );
      const [rows, columns] = [tf.zeros<tf.Rank.R3>([1, 1024, 32]), tf.zeros<tf.Rank.R3>([1, 1024, 32])];
      const held = (form: typeof gridAttentionPlain) => {
        const before = tf.memory().numBytes;
        let after = 0;
        differentiate(() => {
          const out = form({ q, k, v }, { rows, columns });
          after = tf.memory().numBytes;
          return out;
        }, [q]);
        return after - before;
      };
      const scores = 4 * 1024 ** 2;
      expect(held(gridAttentionPlain)).toBeGreaterThan(2 * scores);
      expect(held((heads, positions) => gridAttentionBlocked(heads, positions, 512))).toBeLessThan(scores);
    });
  });
});
