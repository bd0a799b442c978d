import type { BackendName } from "../../src/backend/startBackend.js";

/** Backends that need more than npm packages of this project; named in MEDSAM_TEST_BACKENDS where they are there. */
const MORE = (process.env["MEDSAM_TEST_BACKENDS"] ?? "").split(",").filter(Boolean) as BackendName[];

/** Where forward passes are held to PyTorch. */
export const FORWARD: readonly BackendName[] = ["cpu", "wasm", ...MORE];

/** Where gradients are: WASM lacks kernels that they need, and WebGPU cannot be read in the middle of a test. */
export const BACKWARD: readonly BackendName[] = ["cpu", ...MORE.filter((name) => name === "tensorflow")];
