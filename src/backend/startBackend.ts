import * as tf from "@tensorflow/tfjs";
import { registerTensorflowKernels } from "../ops/tensorflowKernels.js";
import { registerWasmKernels } from "../ops/wasmKernels.js";
import { clarifyOutOfMemory } from "./outOfMemory.js";
import { refuseNullPointers } from "./wasmOutOfMemory.js";

/** What tensors are computed with. `tensorflow` is TensorFlow's native library, in Node; `webgl` is for browsers. */
export type BackendName = "tensorflow" | "webgpu" | "webgl" | "wasm" | "cpu";

/** How `auto` chooses a backend. */
export interface BackendOptions {
  /** Let `auto` take a GPU that is drawn by the processor, which is slower than wasm. Default false. */
  readonly softwareGpu?: boolean;
  /** Told of each backend that `auto` passes over although it is there, and why. */
  readonly onSkip?: (name: BackendName, reason: string) => void;
}

/** A backend that does not start, or computes wrong numbers: says why, and what to do. */
export class BackendError extends Error {
  override name = "BackendError";
}

/** A backend that is simply not there: not installed, or without a device. */
export class BackendAbsentError extends BackendError {
  override name = "BackendAbsentError";
}

/**
 * Makes a backend ready to be set, where it is not part of TensorFlow.js.
 *
 * @param mayBeSoftware whether a GPU that is drawn by the processor is welcome.
 * @throws BackendAbsentError when it is not there.
 */
export type Prepare = (mayBeSoftware: boolean) => void | Promise<void>;

/**
 * Starts a backend of a table, whose order is that of `auto`.
 *
 * @param verify throws when a backend that started cannot be trusted.
 * @returns the one in use.
 * @throws BackendError when the one that was asked for, or every one, does not start.
 */
export async function startBackend(
  table: ReadonlyMap<BackendName, Prepare>,
  name: BackendName | "auto",
  { softwareGpu = false, onSkip }: BackendOptions = {},
  verify: (name: BackendName) => Promise<void> = () => Promise.resolve(),
): Promise<BackendName> {
  const names = [...table.keys()];
  if (name !== "auto" && !table.has(name))
    throw new BackendError(`backend "${name}" is not for here; expected auto, ${names.join(", ")}`);
  // Else TensorFlow.js prints an advertisement for its native backend when the cpu one is first used.
  tf.enableProdMode();
  registerWasmKernels();
  const reasons: string[] = [];
  for (const candidate of name === "auto" ? names : [name]) {
    try {
      await table.get(candidate)?.(softwareGpu || name !== "auto");
      if (!(await tf.setBackend(candidate))) throw new BackendError("it does not start here");
      await tf.ready();
      if (candidate === "wasm") refuseNullPointers();
      if (candidate === "tensorflow") {
        registerTensorflowKernels();
        clarifyOutOfMemory();
      }
      await verify(candidate);
      return candidate;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      reasons.push(`${candidate}: ${reason}`);
      if (name === "auto" && !(error instanceof BackendAbsentError)) onSkip?.(candidate, reason);
    }
  }
  throw new BackendError(reasons.join("; "));
}
