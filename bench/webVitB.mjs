import { existsSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "./prepare.mjs";
import { serveIsolated } from "./isolatedServer.mjs";
import { median } from "./statistics.mjs";

const DIST = join(CACHE, "node", "node_modules", "onnxruntime-web", "dist");
const WEIGHTS = join(CACHE, "vit_b.safetensors");
const MODEL = join(CACHE, "encoder.onnx");

const PEER = `<!doctype html><script type="module">
import * as ort from "/ort.wasm.min.mjs";
ort.env.wasm.wasmPaths = "/";
const side = 1024;
const values = Float32Array.from({ length: 3 * side * side }, (_, n) => (n * 0.6180339887) % 1);
globalThis.load = async (threads) => {
  ort.env.wasm.numThreads = threads;
  globalThis.session = await ort.InferenceSession.create("/encoder.onnx", { executionProviders: ["wasm"] });
};
globalThis.encode = async () => {
  const start = performance.now();
  await session.run({ pixels: new ort.Tensor("float32", values, [1, 3, side, side]) });
  return performance.now() - start;
};
globalThis.isReady = true;
</script>`;

/**
 * ViT-B at 1024 on WASM in Chromium, the page against onnxruntime-web with the same exported weights and as many
 * threads, in turn. The page's time holds making the input of the picture too.
 *
 * @param open the page on wasm. @param encodeAgain gives the milliseconds of one more encoding there.
 * @returns medians in milliseconds; undefined when `npm run bench` has not made its files.
 */
export async function compareVitB(launch, { open, encodeAgain, peakMemory, rounds = 2, say }) {
  if (![DIST, WEIGHTS, MODEL].every((path) => existsSync(path))) return undefined;
  const files = Object.fromEntries(
    ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"].map((name) => [
      `/${name}`,
      join(DIST, name),
    ]),
  );
  const server = await serveIsolated(PEER, { ...files, "/encoder.onnx": MODEL });
  const [ourBrowser, theirBrowser] = [await launch(), await launch()];
  try {
    const ours = await open(ourBrowser);
    const threads = Number(/(\d+) threads?/.exec(await ours.locator("#model-facts").textContent())[1]);
    await ours.locator("#weights-file").setInputFiles(WEIGHTS);
    await ours.locator("#status", { hasText: "vit_b.safetensors on wasm" }).waitFor({ timeout: 120_000 });
    await ours.locator("#activity").waitFor({ state: "hidden", timeout: 300_000 });
    say("ViT-B is loaded in the page");
    const theirs = await theirBrowser.newPage();
    await theirs.goto(server.address);
    await theirs.waitForFunction(() => globalThis.isReady);
    await theirs.evaluate((count) => globalThis.load(count), threads);
    await theirs.evaluate(() => globalThis.encode());
    say("ViT-B is loaded in onnxruntime-web");
    const times = { ours: [], theirs: [] };
    for (let round = 0; round < rounds; round++) {
      times.ours.push(await encodeAgain(ours));
      times.theirs.push(await theirs.evaluate(() => globalThis.encode()));
      say(`ViT-B: ${times.ours.at(-1).toFixed(0)} ms, onnxruntime-web: ${times.theirs.at(-1).toFixed(0)} ms`);
    }
    return {
      ...{ threads, ours: median(times.ours), theirs: median(times.theirs) },
      ...{ ourMemory: await peakMemory(ourBrowser), theirMemory: await peakMemory(theirBrowser) },
    };
  } finally {
    await Promise.all([ourBrowser.close(), theirBrowser.close()]);
    server.close();
  }
}
