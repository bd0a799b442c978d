import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { availableParallelism } from "node:os";
import { startBackend, type BackendName, type BackendOptions, type Prepare } from "./startBackend.js";
import { describeDevice } from "./device.node.js";
import { prepareTensorflow } from "./prepareTensorflow.node.js";
import { verifyOnce } from "./selfTest.node.js";
import { registerThreadedWasm } from "./wasmThreads.node.js";
import { prepareWebGpuInNode } from "./webgpu.node.js";

export { BackendError, type BackendName, type BackendOptions } from "./startBackend.js";

/** What `useBackend` takes in Node besides. */
export interface NodeBackendOptions extends BackendOptions {
  /** Threads of `wasm`; default: one a core. */
  readonly threads?: number;
  /** Compare a device with golden values when it is first used; default true. */
  readonly verify?: boolean;
  /**
   * Let `tensorflow` compute products on NVIDIA GPUs in TF32: several times as fast, with three digits instead of
   * seven. Default false. To be said when TensorFlow is first used; NVIDIA_TF32_OVERRIDE in the environment counts more.
   */
  readonly tf32?: boolean;
}

/**
 * Chooses what tensors are computed with, for the whole process, and starts it. Nothing else in this library
 * does.
 *
 * @param name `auto` is what the environment variable MEDSAM_BACKEND names, else the first that starts of
 * `tensorflow` (see `medsam native install`), `webgpu`, `wasm` (on all cores) and `cpu`.
 * @returns the one in use.
 * @throws BackendError when it does not start.
 */
export function useBackend(
  name: BackendName | "auto" = "auto",
  { threads = availableParallelism(), verify = true, tf32 = false, ...options }: NodeBackendOptions = {},
): Promise<BackendName> {
  const table = new Map<BackendName, Prepare>([
    ["tensorflow", () => prepareTensorflow({ verify, tf32 })],
    ["webgpu", prepareWebGpuInNode],
    ["wasm", () => prepareWasm(threads)],
    ["cpu", () => undefined],
  ]);
  const chosen = process.env["MEDSAM_BACKEND"] as BackendName | "auto" | undefined;
  return startBackend(
    table,
    name === "auto" && chosen ? chosen : name,
    options,
    verify ? verifyDevice : undefined,
  );
}

/** A device's first use is a self-test. The cpu backend is what the golden values were made with. */
async function verifyDevice(name: BackendName): Promise<void> {
  // TensorFlow was tested before it was loaded.
  if (name !== "cpu" && name !== "tensorflow") await verifyOnce(name, await describeDevice(name));
}

function prepareWasm(threads: number): void {
  const started = tf.engine().registry["wasm"] !== undefined;
  if (!started) registerThreadedWasm(threads);
}
