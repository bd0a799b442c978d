import * as tf from "@tensorflow/tfjs";
import { OutOfMemoryError } from "./outOfMemory.js";

/** The part of the wasm backend through which tensors get their places. */
export interface WasmAllocator {
  readonly wasm: { _malloc(this: void, bytes: number): number; _free(this: void, place: number): void };
}

/**
 * Makes the wasm backend, which is in use, throw OutOfMemoryError where its memory cannot grow any more. TensorFlow.js
 * takes the null pointer that it then gets for a place, and computes wrong numbers without a word.
 */
export function refuseNullPointers(): void {
  const { wasm } = tf.backend() as unknown as WasmAllocator;
  // Before its first call it is a stand-in, which then puts the real one in its place.
  wasm._free(wasm._malloc(1));
  const allocate = wasm._malloc;
  if (REFUSING.has(allocate)) return;
  wasm._malloc = (bytes) => {
    const place = allocate(bytes);
    if (place === 0 && bytes > 0)
      throw new OutOfMemoryError(
        `out of memory: WebAssembly has no room for ${bytes.toLocaleString("en")} bytes more. Lower the number of ` +
          "images or prompts at once, take a smaller model, or close other programs and pages",
      );
    return place;
  };
  REFUSING.add(wasm._malloc);
}

const REFUSING = new WeakSet<object>();
