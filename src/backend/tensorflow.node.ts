import * as tf from "@tensorflow/tfjs";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";

/** Where the parts of the native backend lie. */
export interface TensorflowFiles {
  /** The unpacked package `@tensorflow/tfjs-node`, in a folder that {@link writeTfjsLink} prepared. */
  readonly package: string;
  /** The compiled addon, `tfjs_binding.node`. */
  readonly addon: string;
  /** The compiled addon that keeps TensorFlow from printing while it is loaded. */
  readonly quietAddon: string;
}

interface QuietAddon {
  readonly hush: () => void;
  readonly restore: () => void;
}

interface BackendModule {
  readonly NodeJSKernelBackend: new (binding: unknown, packageName: string) => tf.KernelBackend;
}

/** How TensorFlow computes. It reads this once, when it is loaded. */
export interface TensorflowSettings {
  /** Allow TF32 in products on NVIDIA GPUs. */
  readonly tf32: boolean;
}

/**
 * Variables that are set unless the user has set them, before TensorFlow is loaded. CUDA's libraries look at theirs
 * when they start; TensorFlow's own switch for TF32 can only be reached from C++.
 */
function environmentOf({ tf32 }: TensorflowSettings): Readonly<Record<string, string>> {
  return {
    // Nothing is printed but what ends the process.
    TF_CPP_MIN_LOG_LEVEL: "3",
    // Else it takes all of a GPU's memory at its start.
    TF_FORCE_GPU_ALLOW_GROWTH: "true",
    // TF32 keeps ten bits of a product's factors, too few for parity.
    ...(tf32 ? {} : { NVIDIA_TF32_OVERRIDE: "0" }),
  };
}

const TFJS_LINK = Symbol.for("medsam-tfjs.tensorflow");
const globals = globalThis as { [TFJS_LINK]?: unknown };
const require = createRequire(import.meta.url);

/**
 * Registers TensorFlow's native library as the backend `tensorflow`. Of `@tensorflow/tfjs-node` only the backend
 * and its kernels are taken: its entry file looks for the addon in places of its own, and brings a second
 * TensorFlow.js.
 *
 * @throws Error when the addon or a library that it needs cannot be loaded.
 */
export function registerTensorflow(files: TensorflowFiles, settings: TensorflowSettings): void {
  setEnvironment(settings);
  const binding = loadAddon(files);
  globals[TFJS_LINK] = require("@tensorflow/tfjs");
  try {
    require(join(files.package, "dist/register_all_kernels.js"));
    const backend = require(join(files.package, "dist/nodejs_kernel_backend.js")) as BackendModule;
    tf.registerBackend("tensorflow", () => new backend.NodeJSKernelBackend(binding, "medsam-tfjs"), 3);
  } finally {
    delete globals[TFJS_LINK];
  }
}

/** The entry file of a TensorFlow.js for Node that the project brings, or undefined. */
export function findTfjsNode(): string | undefined {
  const paths = [import.meta.dirname, process.cwd()];
  for (const name of ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"]) {
    try {
      return require.resolve(name, { paths });
    } catch {
      // Not there: try the next.
    }
  }
  return undefined;
}

/** Loads what {@link findTfjsNode} found, as it is; it registers itself. @throws Error when it does not load. */
export function loadTfjsNode(entry: string, settings: TensorflowSettings): void {
  setEnvironment(settings);
  require(entry);
}

/** What TensorFlow's library and its JavaScript need of the process, before they are loaded. */
function setEnvironment(settings: TensorflowSettings): void {
  for (const [name, value] of Object.entries(environmentOf(settings))) process.env[name] ??= value;
  // Functions that the package calls; Node 22 warns of them, later ones lack them.
  Object.assign(util, {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  });
}

function loadAddon({ addon, quietAddon }: TensorflowFiles): unknown {
  const wantsMessages = process.env["TF_CPP_MIN_LOG_LEVEL"] === "0";
  if (wantsMessages) return require(addon);
  const quiet = require(quietAddon) as QuietAddon;
  quiet.hush();
  try {
    return require(addon);
  } finally {
    quiet.restore();
  }
}

/**
 * Makes files in `folder` that import `@tensorflow/tfjs`, or its core, find the one that this package uses: a second
 * one would be hundreds of files more, and would have to be kept at the same release. The modules there hand on what
 * {@link registerTensorflow} holds out while it loads them, so one installation serves every project.
 */
export function writeTfjsLink(folder: string): void {
  for (const name of ["tfjs", "tfjs-core"]) {
    const module = join(folder, "node_modules", "@tensorflow", name);
    mkdirSync(module, { recursive: true });
    const link = `globalThis[Symbol.for("${TFJS_LINK.description}")]`;
    writeFileSync(join(module, "index.js"), `module.exports = ${link};\n`);
  }
}
