/** Backends of a browser, in the order in which they are tried. */
export const BACKEND_NAMES = ["webgpu", "webgl", "wasm", "cpu"] as const;
export type PageBackend = (typeof BACKEND_NAMES)[number];
