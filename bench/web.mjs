// npm run bench:web [-- BACKEND...]: opens the built page in Chromium and writes docs/browser-speed.md.
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { servePage } from "../dist/cli/webServer.js";

const FLAGS = [
  "--no-sandbox",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-webgpu-adapter=swiftshader",
  "--ignore-gpu-blocklist",
  "--enable-blink-features=ForceEagerMeasureMemory",
];
const BACKENDS = process.argv.length > 2 ? process.argv.slice(2) : ["wasm", "cpu", "webgl", "webgpu"];
const REPEATS = 3;

const server = new AbortController();
const { address } = await servePage({ port: 0, host: "localhost" }, server.signal);
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: FLAGS });

const ready = async (page, backend) => {
  await page.locator("#status", { hasText: `on ${backend}` }).waitFor({ timeout: 400_000 });
  await page.locator("#activity").waitFor({ state: "hidden", timeout: 400_000 });
};
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const timesOf = (page, name) =>
  page.evaluate((entry) => performance.getEntriesByName(entry).map(({ duration }) => duration), name);

/** Encodes again, by going to and fro between two presets. */
async function encodeAgain(page) {
  const before = (await timesOf(page, "medsam encode")).length;
  const preset = page.locator("#preset");
  const next = (await preset.inputValue()) === "MedSAM_demo" ? "MedSAM_Inference" : "MedSAM_demo";
  await preset.selectOption(next);
  await page.waitForFunction((n) => performance.getEntriesByName("medsam encode").length > n, before, {
    timeout: 400_000,
  });
}

/** Prompts file with boxes in rows of ten. */
function boxes(count) {
  const objects = Array.from({ length: count }, (_, n) => {
    const [x, y] = [20 + 47 * (n % 10), 20 + 47 * Math.floor(n / 10)];
    return { label: `box ${n}`, colour: n, slices: [{ slice: 0, box: [x, y, x + 40, y + 40] }] };
  });
  return JSON.stringify({
    format: "medsam-tfjs prompts 1",
    image: { width: 512, height: 512 },
    objects,
  });
}

async function firstVisit() {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  const files = [];
  context.on("response", async (response) => {
    const path = new URL(response.url()).pathname;
    if (response.url().startsWith(address))
      files.push([path, await response.body().catch(() => Buffer.alloc(0))]);
  });
  const start = performance.now();
  await page.goto(`${address}?backend=wasm`);
  await page.locator("#status", { hasText: "on wasm" }).waitFor();
  const first = performance.now() - start;
  await ready(page, "wasm");
  const again = performance.now();
  await page.reload();
  await page.locator("#status", { hasText: "on wasm" }).waitFor();
  const second = performance.now() - again;
  const unique = new Map(files);
  let [page_, checkpoint] = [0, 0];
  for (const [path, body] of unique)
    if (path.endsWith(".safetensors")) checkpoint += body.length;
    else page_ += gzipSync(body).length;
  await context.close();
  return { first, second, page: page_, checkpoint };
}

/** Calls to the GPU and bytes of tensors of one encoding of the embedded checkpoint: the same on every machine. */
async function countCalls(page, backend) {
  const worker = page.workers().find((one) => one.url().includes("modelWorker"));
  await worker.evaluate((name) => {
    globalThis.calls = 0;
    const [kind, method] =
      name === "webgpu"
        ? [globalThis.GPUComputePassEncoder, "dispatchWorkgroups"]
        : [globalThis.WebGL2RenderingContext, "drawElements"];
    const original = kind.prototype[method];
    kind.prototype[method] = function (...args) {
      globalThis.calls++;
      return original.apply(this, args);
    };
  }, backend);
  await encodeAgain(page);
  return worker.evaluate(() => globalThis.calls);
}

async function measure(backend) {
  const context = await browser.newContext({
    serviceWorkers: "block",
    viewport: { width: 1100, height: 800 },
  });
  const page = await context.newPage();
  await page.goto(`${address}?backend=${backend}`);
  await ready(page, backend);
  for (let n = 0; n < REPEATS; n++) await encodeAgain(page);
  const gpu = backend === "webgl" || backend === "webgpu";
  const calls = gpu ? await countCalls(page, backend) : undefined;
  await page.evaluate(() => {
    globalThis.longest = 0;
    new globalThis.PerformanceObserver((list) => {
      for (const { duration } of list.getEntries())
        globalThis.longest = Math.max(globalThis.longest, duration);
    }).observe({ type: "longtask" });
  });
  const count = gpu ? 10 : 100;
  await page.locator("#file").setInputFiles({ name: "boxes.json", mimeType: "application/json", buffer: Buffer.from(boxes(count)) }); // prettier-ignore
  await page.waitForFunction((n) => performance.getEntriesByName("medsam decode").length >= n, count, {
    timeout: 300_000,
  });
  await page.waitForTimeout(500);
  const longest = await page.evaluate(() => globalThis.longest);
  const memory = await page.evaluate(async () => (await performance.measureUserAgentSpecificMemory()).bytes);
  const result = {
    encode: median((await timesOf(page, "medsam encode")).slice(1)),
    decode: median(await timesOf(page, "medsam decode")),
    ...{ calls, longest, memory, count },
  };
  await context.close();
  return result;
}

const visit = await firstVisit();
const rows = [];
for (const backend of BACKENDS) {
  const { encode, decode, calls, longest, memory, count } = await measure(backend);
  const freeze = longest === 0 ? "below 50" : String(Math.round(longest));
  rows.push([`\`${backend}\``, encode.toFixed(0), decode.toFixed(0), `${freeze} (${count} boxes)`, (memory / 1e6).toFixed(0), calls ?? "–"]); // prettier-ignore
  console.error(rows.at(-1).join("  "));
}
await browser.close();
server.abort();

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const table = (head, body) =>
  [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const text = `# Speed of the page

Written by \`npm run bench:web\`; do not edit. Version ${version}, Chromium ${browser.version()}, ${cpus().length} cores of ${cpus()[0].model.trim()}. WebGL and WebGPU are drawn by the processor here: their times say nothing about a GPU, their counts do.

${table(
  ["", "measured", "target"],
  [
    ["start to ready, first visit, with the self-test", `${(visit.first / 1000).toFixed(1)} s`, "3 s"],
    ["start to ready, later", `${(visit.second / 1000).toFixed(1)} s`, ""],
    [
      "loaded until ready, compressed, beside the checkpoint",
      `${(visit.page / 1e6).toFixed(2)} MB`,
      "1.5 MB",
    ],
    ["the checkpoint", `${(visit.checkpoint / 1e6).toFixed(1)} MB`, ""],
  ],
)}

The checkpoint in the package, an image of 512 x 512; medians in milliseconds, as the page sees them:

${table(
  [
    "backend",
    "encode",
    "decode a box",
    "longest time that the page did not answer, ms",
    "memory, MB",
    "GPU calls an encoding",
  ],
  rows,
)}
`;
writeFileSync(new URL("../docs/browser-speed.md", import.meta.url), text);
