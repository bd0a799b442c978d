import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { registerWasmKernels } from "../ops/wasmKernels.js";

/** What tensors are computed with. */
export type BackendName = "wasm" | "cpu";

/** The order of `auto`: the fastest first. */
const ORDER: readonly BackendName[] = ["wasm", "cpu"];

/**
 * Chooses what tensors are computed with, for the whole process, and starts it. Nothing else in this library
 * does.
 *
 * @param name `auto` takes the first that starts of `wasm` and `cpu`.
 * @returns the one in use.
 * @throws Error when it does not start.
 */
export async function useBackend(name: BackendName | "auto" = "auto"): Promise<BackendName> {
  if (name !== "auto" && !ORDER.includes(name))
    throw new Error(`backend "${String(name)}" is not known; expected auto, ${ORDER.join(" or ")}`);
  // Else TensorFlow.js prints an advertisement for its native backend when the cpu one is first used.
  tf.enableProdMode();
  registerWasmKernels();
  for (const candidate of name === "auto" ? ORDER : [name]) {
    if (await tf.setBackend(candidate)) {
      await tf.ready();
      return candidate;
    }
  }
  throw new Error(`backend "${name}" did not start here; try another of ${ORDER.join(", ")}`);
}
