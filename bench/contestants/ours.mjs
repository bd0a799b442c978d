// A contestant: this project on one of its backends. See contestant.mjs.
import * as tf from "@tensorflow/tfjs";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { buildSam, openCheckpointFile, useBackend } from "../../dist/index.js";

const [backend, threads, weights] = process.argv.slice(2);
await useBackend(backend, { threads: Number(threads), verify: false });
await tf.ready();
const before = process.memoryUsage().rss;

const begin = performance.now();
const file = openCheckpointFile(weights);
const { model } = buildSam(file);
file.close();
const load = (performance.now() - begin) / 1000;
console.log(JSON.stringify({ ready: true, version: tf.version_core, load, runtime: before }));

function floats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).slice();
}

/** Maps in and out are PyTorch's, channels first. */
const channelsLast = (values, shape) => tf.tidy(() => tf.tensor4d(values, shape).transpose([0, 2, 3, 1]));

async function encode({ pixels }) {
  const images = channelsLast(floats(pixels), [1, 3, 1024, 1024]);
  const start = performance.now();
  const embedding = tf.tidy(() => model.imageEncoder.call(images));
  await embedding.data();
  const seconds = (performance.now() - start) / 1000;
  const values = tf.tidy(() => embedding.transpose([0, 3, 1, 2]).dataSync());
  tf.dispose([images, embedding]);
  return { seconds, values };
}

async function decode({ embedding, boxes }) {
  const given = channelsLast(floats(embedding), [1, 256, 64, 64]);
  const prompts = tf.tensor2d(boxes);
  const start = performance.now();
  const { masks, iouPredictions } = tf.tidy(() =>
    model.decode({ embedding: given }, { boxes: prompts }, false),
  );
  const [values] = await Promise.all([masks.data(), iouPredictions.data()]);
  const seconds = (performance.now() - start) / 1000;
  tf.dispose([given, prompts, masks, iouPredictions]);
  return { seconds, values };
}

/**
 * The products that the encoder consists of, each alone on fresh values and at its best of some times: what no encoder
 * on this library can be faster than. Gives the seconds of all of them.
 */
async function gemm({ times, products }) {
  let seconds = 0;
  for (const { rows, inner, columns, count, batch = 1 } of products) {
    // WASM's fast library takes plain matrices only: one after the other there.
    const together = backend === "tensorflow" && batch > 1 ? [batch] : [];
    const [a, b] = [
      tf.randomUniform([...together, rows, inner]),
      tf.randomUniform([...together, inner, columns]),
    ];
    let best = Infinity;
    for (let n = 0; n < times; n++) {
      const start = performance.now();
      const product = tf.matMul(a, b);
      // One value only: reading all of them is not the product's work.
      const one = tf.tidy(() => product.slice(0, 1).flatten().slice(0, 1));
      await one.data();
      best = Math.min(best, (performance.now() - start) / 1000);
      tf.dispose([product, one]);
    }
    seconds += best * count * (together.length > 0 ? 1 : batch);
    tf.dispose([a, b]);
  }
  return { seconds };
}

const tasks = { encode, decode, gemm };
for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  const { values, ...result } = await tasks[task.op](task);
  if (task.save) writeFileSync(task.save, new Uint8Array(Float32Array.from(values).buffer));
  console.log(JSON.stringify(result));
}
process.exit();
