import * as tf from "@tensorflow/tfjs";
import { trace } from "../inspect/trace.js";
import type { Sam } from "../model/sam.js";
import { randomStream } from "../weights/initial.js";
import { BackendError } from "./startBackend.js";

/** What the embedded checkpoint gives on a fixed input: a few numbers of each module. */
export interface Golden {
  /** SHA-256 of the checkpoint that they were made with. */
  readonly checkpoint: string;
  /** In the order in which the modules run. */
  readonly modules: readonly GoldenModule[];
}

export interface GoldenModule {
  readonly path: string;
  readonly shape: readonly number[];
  /** Elements `0, step, 2·step, …` of the flattened output, PyTorch's axes. */
  readonly step: number;
  readonly values: readonly number[];
  /** Largest magnitude of all elements. */
  readonly scale: number;
}

/** How far one module is from its golden values. */
export interface SelfTestRow {
  readonly path: string;
  /** Largest difference as a share of the module's largest value. */
  readonly difference: number;
  readonly ok: boolean;
}

/** Of a module's largest value: twenty times what a good backend departs by, a tenth of what half precision does. */
const TOLERANCE = 1e-4;
const SAMPLES = 24;

const PATTERNS = [
  "image_encoder.tokens",
  "image_encoder.blocks.*",
  "image_encoder",
  "prompt_encoder.dense_pe",
  "prompt_encoder.sparse_embeddings",
  "mask_decoder.transformer.layers.*.queries",
  "mask_decoder.transformer.layers.*.keys",
  "mask_decoder.upscaled_embedding",
  "mask_decoder.all_masks",
  "mask_decoder.all_iou_predictions",
];

/** The modules' outputs on a fixed image and box. */
async function runModules(
  model: Sam,
): Promise<{ path: string; shape: readonly number[]; values: Float32Array }[]> {
  const side = model.config.imageSize;
  const random = randomStream(7);
  const pixels = Float32Array.from({ length: side * side * 3 }, random);
  const inputs = tf.tidy(() => ({
    images: tf.tensor4d(pixels, [1, side, side, 3]),
    boxes: tf.tensor2d([[0.15, 0.25, 0.7, 0.8].map((share) => share * side)]),
  }));
  try {
    const { result, tensors } = await trace(model, PATTERNS, () =>
      model.call({ ...inputs, multimaskOutput: false }),
    );
    tf.dispose(result);
    return [...tensors].map(([path, { shape, values }]) => ({ path, shape, values }));
  } finally {
    tf.dispose(inputs);
  }
}

/** Makes golden values with the backend in use, which should be `cpu`: it is plain JavaScript. */
export async function makeGolden(model: Sam, checkpoint: string): Promise<Golden> {
  const modules = (await runModules(model)).map(({ path, shape, values }): GoldenModule => {
    const step = Math.max(1, Math.floor(values.length / SAMPLES));
    const samples = Array.from({ length: Math.min(SAMPLES, values.length) }, (_, n) => values[n * step]);
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return { path, shape, step, values: samples.map((value) => Number(value.toPrecision(8))), scale };
  });
  return { checkpoint, modules };
}

/** Compares the backend in use with the golden values, module by module. */
export async function selfTest(model: Sam, golden: Golden): Promise<SelfTestRow[]> {
  const got = new Map((await runModules(model)).map((module) => [module.path, module]));
  return golden.modules.map(({ path, shape, step, values, scale }) => {
    const module = got.get(path);
    if (module?.shape.join() !== shape.join()) return { path, difference: Infinity, ok: false };
    const differences = values.map((value, n) => Math.abs(module.values[n * step] - value));
    // A NaN makes the maximum NaN, which is not within anything.
    const difference = Math.max(...differences) / scale;
    return { path, difference, ok: difference <= TOLERANCE };
  });
}

/** @throws BackendError naming the first module that departs, and by how much. */
export function assertSelfTest(rows: readonly SelfTestRow[]): void {
  const first = rows.find(({ ok }) => !ok);
  if (first !== undefined)
    throw new BackendError(
      `it computes wrong numbers on this device: ${first.path} departs from its golden values by ` +
        `${(100 * first.difference).toPrecision(2)} % of its largest, ${100 * TOLERANCE} % are allowed; it is not used`,
    );
}
