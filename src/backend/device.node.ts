import * as tf from "@tensorflow/tfjs";
import { getThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { availableParallelism } from "node:os";
import { installedTensorflow } from "./native/home.node.js";
import type { BackendName } from "./startBackend.js";
import { webGpuDevice } from "./webgpu.js";

/** What a backend that is in use computes on, in a few words. */
export async function describeDevice(name: BackendName): Promise<string> {
  switch (name) {
    case "tensorflow": {
      const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice?: boolean };
      const installed = installedTensorflow();
      const origin = installed === undefined ? "tfjs-node" : `TensorFlow (${installed.variant})`;
      return `${origin} on ${isUsingGpuDevice ? "GPU" : `CPU, ${availableParallelism()} threads`}`;
    }
    case "webgpu":
      return webGpuDevice();
    case "wasm":
      return `CPU, ${getThreadsCount()} threads`;
    default:
      return "CPU, 1 thread";
  }
}
