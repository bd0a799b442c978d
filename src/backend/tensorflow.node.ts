import * as tf from "@tensorflow/tfjs";
import Module, { createRequire } from "node:module";
import { join } from "node:path";
import util from "node:util";

/** Where the parts of the native backend lie. */
export interface TensorflowFiles {
  /** The unpacked package `@tensorflow/tfjs-node` (or `-gpu`); its dependencies are not needed. */
  readonly package: string;
  /** The compiled addon, `tfjs_binding.node`. */
  readonly addon: string;
}

interface BackendModule {
  readonly NodeJSKernelBackend: new (binding: unknown, packageName: string) => tf.KernelBackend;
}

/** Variables of TensorFlow that are set unless the user has set them, before it starts. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  TF_CPP_MIN_LOG_LEVEL: "3",
  // Else it takes all of a GPU's memory at its start.
  TF_FORCE_GPU_ALLOW_GROWTH: "true",
  // TF32 keeps ten bits of a product's factors, too few for parity.
  NVIDIA_TF32_OVERRIDE: "0",
};

const require = createRequire(import.meta.url);

/**
 * Registers TensorFlow's native library as the backend `tensorflow`. Of `@tensorflow/tfjs-node` only the backend
 * and its kernels are taken: its entry file looks for the addon in places of its own, and brings a second
 * TensorFlow.js.
 *
 * @throws Error when the addon or a library that it needs cannot be loaded.
 */
export function registerTensorflow(files: TensorflowFiles): void {
  if (tf.findBackendFactory("tensorflow") !== null) return;
  for (const [name, value] of Object.entries(ENVIRONMENT)) process.env[name] ??= value;
  restoreUtil();
  const binding = require(files.addon) as unknown;
  const { NodeJSKernelBackend } = withOurTensorflow(() => {
    require(join(files.package, "dist/register_all_kernels.js"));
    return require(join(files.package, "dist/nodejs_kernel_backend.js")) as BackendModule;
  });
  tf.registerBackend("tensorflow", () => new NodeJSKernelBackend(binding, "medsam-tfjs"), 3);
}

/** Functions of Node's util that the package calls and Node 23 removed. */
export function restoreUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  old["isArray"] ??= Array.isArray;
}

/** Lets files that lie elsewhere find the TensorFlow.js that this process already uses, while `body` runs. */
function withOurTensorflow<T>(body: () => T): T {
  const resolver = Module as unknown as {
    _resolveFilename: (this: unknown, request: string, ...rest: unknown[]) => string;
  };
  const original = resolver._resolveFilename;
  const tfjs = require.resolve("@tensorflow/tfjs");
  const core = createRequire(tfjs).resolve("@tensorflow/tfjs-core");
  const ours = new Map([
    ["@tensorflow/tfjs", tfjs],
    ["@tensorflow/tfjs-core", core],
  ]);
  resolver._resolveFilename = function (request, ...rest) {
    return ours.get(request) ?? original.call(this, request, ...rest);
  };
  try {
    return body();
  } finally {
    resolver._resolveFilename = original;
  }
}
