// A contestant in training: this project. See ../training.mjs, and train_torch.py for the same inputs.
import * as tf from "@tensorflow/tfjs";
import { createInterface } from "node:readline";
import { loadMedSam, Trainer, useBackend } from "../../dist/index.js";

const [backend, threads, weights, train, images] = process.argv.slice(2);
await useBackend(backend, { threads: Number(threads), verify: false });
const model = await loadMedSam(weights === "" ? undefined : weights);
const trainer = new Trainer(model, { train, steps: 1000 });
console.log(JSON.stringify({ ready: true, version: tf.version_core, load: 0 }));

const { imageSize: side, patchSize, promptEmbedDim: channels } = model.config;
const count = Number(images);
/** A sequence that fills [0, 1) evenly: the same everywhere. */
const values = (length) => Float32Array.from({ length }, (_, n) => (n * 0.6180339887) % 1);

function batch() {
  const grid = side / patchSize;
  const box = (n) => [0.1 + 0.05 * n, 0.2, 0.6 + 0.05 * n, 0.8].map((share) => Math.floor(share * side));
  const boxes = Array.from({ length: count }, (_, n) => box(n));
  const target = tf.tidy(() =>
    tf.stack(
      boxes.map(([x0, y0, x1, y1]) =>
        tf.ones([1, y1 - y0, x1 - x0]).pad([
          [0, 0],
          [y0, side - y1],
          [x0, side - x1],
        ]),
      ),
    ),
  );
  // Channels first, as PyTorch counts them.
  const map = (size, depth) => tf.tidy(() => tf.tensor4d(values(count * depth * size ** 2), [count, depth, size, size]).transpose([0, 2, 3, 1])); // prettier-ignore
  const given = train === "decoder" ? { embedding: map(grid, channels) } : map(side, 3);
  return { images: given, prompts: { boxes: tf.tensor2d(boxes) }, target };
}

const given = batch();

/** Seconds of a step by the kernel that took them, backend and all; the rest is between them. */
async function profile() {
  const start = performance.now();
  const { kernels } = await tf.profile(async () => void (await trainer.step([given])));
  const seconds = (performance.now() - start) / 1000;
  const byName = {};
  // A gradient of one's own is a scope without a name around kernels that are counted themselves.
  for (const { name, kernelTimeMs } of kernels)
    if (name !== "unnamed scope") byName[name] = (byName[name] ?? 0) + (await kernelTimeMs) / 1000;
  return { seconds, byName };
}

async function step() {
  const start = performance.now();
  const { loss } = await trainer.step([given]);
  return { seconds: (performance.now() - start) / 1000, loss };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { op } = JSON.parse(line);
  if (op !== "step" && op !== "profile") throw new Error(`no such task: ${line}`);
  console.log(JSON.stringify(op === "step" ? await step() : await profile()));
}
process.exit();
