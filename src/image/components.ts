import type { Mask } from "./mask.js";

/** The pieces of a mask: `labels` holds 0 outside and the piece's number from 1 on, `sizes[n]` pixels of piece n + 1. */
export interface Components {
  readonly labels: Int32Array;
  readonly sizes: readonly number[];
}

/** Finds the pieces of a mask; pixels that touch at a corner belong together. Numbers go by the first pixel, row by row. */
export function connectedComponents({ width, height, data }: Mask): Components {
  // With a border, so that no neighbour is beyond the array.
  const pitch = width + 2;
  const waiting = new Uint8Array(pitch * (height + 2));
  for (let y = 0; y < height; y++)
    waiting.set(data.subarray(y * width, (y + 1) * width), (y + 1) * pitch + 1);
  const steps = [-pitch - 1, -pitch, -pitch + 1, -1, 1, pitch - 1, pitch, pitch + 1];
  const labels = new Int32Array(width * height);
  const sizes: number[] = [];
  const stack: number[] = [];
  for (let start = 0; start < waiting.length; start++) {
    if (waiting[start] === 0) continue;
    let size = 0;
    waiting[start] = 0;
    stack.push(start);
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      labels[(Math.floor(i / pitch) - 1) * width + (i % pitch) - 1] = sizes.length + 1;
      size++;
      for (const step of steps) {
        if (waiting[i + step] === 0) continue;
        waiting[i + step] = 0;
        stack.push(i + step);
      }
    }
    sizes.push(size);
  }
  return { labels, sizes };
}
