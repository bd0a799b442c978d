import * as tf from "@tensorflow/tfjs";
import { availableParallelism } from "node:os";
import { useBackend as useAnyBackend, type BackendName } from "./useBackend.js";
import { registerThreadedWasm } from "./wasmThreads.node.js";

/**
 * Chooses what tensors are computed with, for the whole process, and starts it. Nothing else in this library
 * does. In Node, WASM runs on all cores.
 *
 * @param name `auto` takes the first that starts of `wasm` and `cpu`.
 * @returns the one in use.
 * @throws Error when it does not start.
 */
export async function useBackend(name: BackendName | "auto" = "auto"): Promise<BackendName> {
  const wasmStarted = tf.engine().registry["wasm"] !== undefined;
  if (name !== "cpu" && !wasmStarted) registerThreadedWasm(availableParallelism());
  return useAnyBackend(name);
}
