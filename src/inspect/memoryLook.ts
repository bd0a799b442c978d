import * as tf from "@tensorflow/tfjs";
import type { Pick } from "./trace.js";

/** The frames that a frame attends to, in the order of its keys: first their memories, then their pointers. */
export interface RememberedFrames {
  readonly spatial: readonly { readonly frame: number }[];
  readonly pointers: readonly { readonly frame: number }[];
}

/** Where one token of a frame looks in earlier frames. All shares of a layer together are 1. */
export interface MemoryLook {
  /** One a frame whose memory is there; several of one frame are added up. */
  readonly frames: readonly {
    readonly frame: number;
    /** [grid²], row by row. */
    readonly values: Float32Array;
    /** The sum of `values`. */
    readonly share: number;
    /** What the pointers of this frame get. */
    readonly pointerShare: number;
  }[];
}

/**
 * Picks where a token looks, from scores [B, heads, N, K] as `TokenAttention` announces them: [K] after the softmax, the
 * mean of the heads.
 *
 * @param object of the B objects.
 */
export function lookOfToken(object: number, token: number, numHeads: number): Pick {
  return (value) =>
    tf.tidy(() => {
      const heads = Array.from({ length: numHeads }, (_, head) => {
        const group = object * numHeads + head;
        if (!(value instanceof tf.Tensor)) return value.rows(group, token, 1);
        const [batch, , tokens, keys] = value.shape;
        const groups = value.reshape<tf.Tensor3D>([batch * numHeads, tokens, keys]);
        return groups.slice([group, token, 0], [1, 1, keys]).reshape<tf.Tensor2D>([1, keys]);
      });
      return tf.concat(heads, 0).softmax().mean(0);
    });
}

/**
 * Says which frame each key belongs to.
 *
 * @param picked what `lookOfToken` picked: [K], of which the first grid² a memory, the rest the same number a pointer.
 * @throws RangeError when the keys are not those of `remembered`.
 */
export function memoryLook(
  picked: Float32Array,
  { spatial, pointers }: RememberedFrames,
  cells: number,
): MemoryLook {
  const placed = spatial.length * cells;
  const parts = pointers.length === 0 ? 0 : (picked.length - placed) / pointers.length;
  if (!Number.isInteger(parts) || parts < 0 || placed + parts * pointers.length !== picked.length)
    throw new RangeError(
      `${picked.length} keys are not ${spatial.length} memories of ${cells} tokens and ${pointers.length} pointers`,
    );
  const frames = [...new Set([...spatial, ...pointers].map(({ frame }) => frame))].sort((a, b) => a - b);
  return {
    frames: frames.map((frame) => {
      const values = new Float32Array(cells);
      for (const [n, memory] of spatial.entries())
        if (memory.frame === frame)
          for (let cell = 0; cell < cells; cell++) values[cell] += picked[n * cells + cell];
      let pointerShare = 0;
      for (const [n, pointer] of pointers.entries())
        if (pointer.frame === frame)
          for (let part = 0; part < parts; part++) pointerShare += picked[placed + n * parts + part];
      return { frame, values, share: values.reduce((sum, value) => sum + value, 0), pointerShare };
    }),
  };
}
