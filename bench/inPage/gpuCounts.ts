import * as tf from "@tensorflow/tfjs";
import { useBackend } from "../../src/backend/useBackend.js";
import { VIT_B } from "../../src/model/config.js";
import { ImageEncoder } from "../../src/model/imageEncoder.js";
import { ParamScope } from "../../src/weights/paramScope.js";

// Runs in a page.

/** What one encoding asks of the GPU: the same on every machine, drawn by a GPU or by the processor. */
export interface GpuCounts {
  /** Programs that were started: WebGPU's dispatches, WebGL's draws. */
  readonly dispatches: number;
  /** Bytes of buffers and textures that were made, weights included. */
  readonly bytes: number;
}

/** Bytes a pixel of the formats that TensorFlow.js makes textures of, by WebGL's numbers. */
const TEXEL: Readonly<Record<number, number>> = {
  0x8058: 4, // RGBA8
  0x822d: 2, // R16F
  0x822e: 4, // R32F
  0x881a: 8, // RGBA16F
  0x8814: 16, // RGBA32F
};

let [dispatches, bytes] = [0, 0];
/** Whether orders to compute are counted and left out: drawn by the processor, they would take minutes. */
let isCounting = false;

/** Has a method tell of its calls. */
function listen(kind: string, method: string, told: (args: never[]) => boolean): void {
  const { prototype } = (globalThis as unknown as Record<string, { prototype: Record<string, unknown> }>)[
    kind
  ];
  const original = prototype[method] as (...args: readonly unknown[]) => unknown;
  prototype[method] = function (this: unknown, ...args: never[]) {
    return told(args) ? original.apply(this, args) : undefined;
  };
}

function dispatch(): boolean {
  dispatches++;
  return !isCounting;
}

function texture([, , format, width, height]: number[]): boolean {
  const size = TEXEL[format];
  if (size === undefined) throw new RangeError(`texture of the format ${format.toString(16)}; its size is not known here`); // prettier-ignore
  bytes += size * width * height;
  return true;
}

/** Counts for ViT-B's image encoder at an image size of 256, once, from a fresh start. */
export async function countGpu(backend: "webgl" | "webgpu"): Promise<GpuCounts> {
  if (backend === "webgpu") {
    listen("GPUComputePassEncoder", "dispatchWorkgroups", dispatch);
    listen("GPUDevice", "createBuffer", ([{ size }]: { size: number }[]) => (bytes += size) > 0);
  } else {
    for (const method of ["drawElements", "drawArrays"]) listen("WebGL2RenderingContext", method, dispatch); // prettier-ignore
    for (const method of ["texStorage2D", "texImage2D"]) listen("WebGL2RenderingContext", method, texture);
  }
  await useBackend(backend, { softwareGpu: true });
  const zeros = new ParamScope({ values: (_, shape) => new Float32Array(tf.util.sizeFromShape([...shape])) });
  const config = { ...VIT_B, imageSize: 256 };
  const encoder = new ImageEncoder(zeros, config.imageEncoder, config);
  const image = tf.zeros([1, 256, 256, 3]);
  [dispatches, bytes] = [0, 0];
  isCounting = true;
  encoder.call(image);
  return { dispatches, bytes };
}
