import "@tensorflow/tfjs-backend-wasm";
import { startBackend, type BackendName, type BackendOptions, type Prepare } from "./startBackend.js";
import { prepareWebGpu } from "./webgpu.js";

export { BackendError, type BackendName, type BackendOptions } from "./startBackend.js";

/** Backends of a browser, in the order of `auto`. */
const BROWSER = new Map<BackendName, Prepare>([
  ["webgpu", prepareWebGpu],
  ["webgl", () => undefined],
  ["wasm", () => undefined],
  ["cpu", () => undefined],
]);

/**
 * Chooses what tensors are computed with, for the whole page or worker, and starts it. Nothing else in this
 * library does.
 *
 * @param name `auto` takes the first that starts of `webgpu`, `webgl`, `wasm` and `cpu`.
 * @returns the one in use.
 * @throws BackendError when it does not start.
 */
export function useBackend(
  name: BackendName | "auto" = "auto",
  options?: BackendOptions,
): Promise<BackendName> {
  return startBackend(BROWSER, name, options);
}
