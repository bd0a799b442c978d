// A contestant: the exported encoder in onnxruntime-node or onnxruntime-web (WASM). See contestant.mjs.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [name, threads, model, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const ort = await import(pathToFileURL(require.resolve(name)).href);
const options =
  name === "onnxruntime-web"
    ? { executionProviders: ["wasm"] }
    : { executionProviders: ["cpu"], intraOpNumThreads: Number(threads), interOpNumThreads: 1 };
const { InferenceSession, Tensor, env } = ort.default ?? ort;
if (name === "onnxruntime-web") env.wasm.numThreads = Number(threads);

const begin = performance.now();
const session = await InferenceSession.create(model, options);
const load = (performance.now() - begin) / 1000;
// Not by `require`: one of the two does not export it.
const { version } = JSON.parse(readFileSync(`${modules}/node_modules/${name}/package.json`, "utf8"));
console.log(JSON.stringify({ ready: true, version, load }));

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  const bytes = readFileSync(task.pixels);
  const pixels = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).slice();
  const input = { pixels: new Tensor("float32", pixels, [1, 3, 1024, 1024]) };
  const start = performance.now();
  const { embedding } = await session.run(input);
  const seconds = (performance.now() - start) / 1000;
  if (task.save) writeFileSync(task.save, new Uint8Array(Float32Array.from(embedding.data).buffer));
  console.log(JSON.stringify({ seconds }));
}
process.exit();
