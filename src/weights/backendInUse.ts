import * as tf from "@tensorflow/tfjs";

/** Backends that TensorFlow.js, when nobody chose one, starts in the background, and fails meanwhile. */
const STARTED_LATER = ["wasm", "webgpu"];

/** @throws Error when no tensor can be made, since no backend is in use and none starts by itself at once. */
export function assertBackendInUse(): void {
  // Asking TensorFlow.js for its backend would start one.
  if (tf.getBackend() || !STARTED_LATER.some((name) => tf.findBackendFactory(name))) return;
  throw new Error("no backend is in use yet; call `await useBackend()` before you load or build a model");
}
