/** What can be installed. */
export type Variant = "cpu" | "gpu";

/** TensorFlow's release that everything here is made for. */
export const TENSORFLOW_VERSION = "2.21.0";
/** The release of TensorFlow.js that this package uses; its addon's sources come from the same. */
export const TFJS_VERSION = "4.22.0";

/** The wheel's name on PyPI. Only its C++ libraries are used, so the Python that it is made for does not matter. */
export const WHEEL_PACKAGE: Readonly<Record<Variant, string>> = { cpu: "tensorflow-cpu", gpu: "tensorflow" };

/** The npm package whose backend and addon sources are used. */
export const NODE_PACKAGE: Readonly<Record<Variant, string>> = {
  cpu: "@tensorflow/tfjs-node",
  gpu: "@tensorflow/tfjs-node-gpu",
};

/** Rough sizes in bytes, for saying beforehand what will happen and whether there is room. */
export const SIZES: Readonly<Record<Variant, { readonly download: number; readonly installed: number }>> = {
  cpu: { download: 0.28e9, installed: 0.86e9 },
  gpu: { download: 3.0e9, installed: 6.5e9 },
};

/** Where pip finds a wheel for this computer, by `process.platform` and `process.arch`. */
export interface Platform {
  /** pip's names, best first. */
  readonly tags: readonly string[];
  /** SHA-256 of the wheel where it was tried. */
  readonly sha256: Readonly<Partial<Record<Variant, string>>>;
}

/**
 * Platforms with wheels of this release. Linux x64 is tried; the others are offered by TensorFlow, have no recorded
 * hash, and are not tried.
 */
export const PLATFORMS: Readonly<Record<string, Platform | undefined>> = {
  "linux-x64": {
    tags: ["manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    sha256: { cpu: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c" },
  },
  "linux-arm64": { tags: ["manylinux_2_27_aarch64", "manylinux_2_17_aarch64"], sha256: {} },
  "darwin-arm64": { tags: ["macosx_12_0_arm64"], sha256: {} },
};
