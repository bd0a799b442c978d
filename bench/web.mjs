// npm run bench:web [-- BACKEND...]: opens the built page in Chromium and writes docs/browser-speed.md.
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { servePage } from "../dist/cli/webServer.js";
import { countGpu } from "./webCounts.mjs";
import { longestTask } from "./webTrace.mjs";
import { compareVitB } from "./webVitB.mjs";

const FLAGS = [
  "--no-sandbox",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-webgpu-adapter=swiftshader",
  "--ignore-gpu-blocklist",
];
const BACKENDS = process.argv.length > 2 ? process.argv.slice(2) : ["wasm", "cpu", "webgl", "webgpu"];
const REPEATS = 3;

const server = new AbortController();
const { address } = await servePage({ port: 0, host: "localhost" }, server.signal);
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const launch = () => chromium.launch({ executablePath, args: FLAGS });
const started = performance.now();
const say = (text) =>
  console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);

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
  return (await timesOf(page, "medsam encode")).at(-1);
}

/** Most memory that a process of a page has held, in bytes: Linux's own count. */
async function peakMemory(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => {
      const status = readFileSync(`/proc/${id}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    });
  return Math.max(...peaks);
}

async function openPage(browser, backend) {
  const context = await browser.newContext({
    serviceWorkers: "block",
    viewport: { width: 1100, height: 800 },
  });
  const page = await context.newPage();
  await page.goto(`${address}?backend=${backend}`);
  await ready(page, backend);
  return page;
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
  const browser = await launch();
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
  const version = browser.version();
  await browser.close();
  return { first, second, page: page_, checkpoint, version };
}

async function measure(backend) {
  const browser = await launch();
  const page = await openPage(browser, backend);
  const gpu = backend === "webgl" || backend === "webgpu";
  for (let n = 0; n < (gpu ? 1 : REPEATS); n++) await encodeAgain(page);
  const count = gpu ? 10 : 100;
  const longest = await longestTask(browser, page, async () => {
    await page.locator("#file").setInputFiles({ name: "boxes.json", mimeType: "application/json", buffer: Buffer.from(boxes(count)) }); // prettier-ignore
    await page.waitForFunction((n) => performance.getEntriesByName("medsam decode").length >= n, count, {
      timeout: 300_000,
    });
    await page.waitForTimeout(500);
  });
  const result = {
    encode: median((await timesOf(page, "medsam encode")).slice(1)),
    decode: median(await timesOf(page, "medsam decode")),
    ...{ longest, memory: await peakMemory(browser), count },
  };
  await browser.close();
  return result;
}

const visit = await firstVisit();
const rows = [];
for (const backend of BACKENDS) {
  const { encode, decode, longest, memory, count } = await measure(backend);
  const work = `${longest.processor.toFixed(0)} (${longest.clock.toFixed(0)})`;
  rows.push([`\`${backend}\``, encode.toFixed(0), decode.toFixed(0), count, work, (memory / 1e6).toFixed(0)]); // prettier-ignore
  say(rows.at(-1).join("  "));
}
const vitB = await compareVitB(launch, { open: (browser) => openPage(browser, "wasm"), encodeAgain, peakMemory, say }); // prettier-ignore
const counts = [];
for (const backend of ["webgpu", "webgl"]) {
  const browser = await launch();
  const { dispatches, bytes } = await countGpu(browser, backend);
  await browser.close();
  counts.push([`\`${backend}\``, dispatches, (bytes / 1e6).toFixed(1)]);
}
server.abort();

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const table = (head, body) =>
  [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const text = `# Speed of the page

Written by \`npm run bench:web\`; do not edit. Version ${version}, Chromium ${visit.version}, ${cpus().length} cores of ${cpus()[0].model.trim()}. WebGL and WebGPU are drawn by the processor here: their times say nothing about a GPU, their counts do.

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

The checkpoint in the package, an image of 512 x 512; medians in milliseconds, as the page sees them. Then many boxes on one embedding: the page is not to stand still for more than 50 ms. Of the longest work of its main thread, the first number is the processor's time, the one in brackets what a clock saw, which other programs on the machine lengthen:

${table(
  [
    "backend",
    "encode",
    "decode a box",
    "boxes",
    "longest work of the page's main thread meanwhile",
    "peak memory of the page's process, MB",
  ],
  rows,
)}

ViT-B with its full size of 1024 x 1024, seeded weights, WASM in Chromium, both with the same threads and in turn. The page's time holds making the input of the picture too:

${
  vitB === undefined
    ? "Not measured: `npm run bench` makes the weights and installs onnxruntime-web."
    : table(
        ["", "encode", "ratio", "target", "peak memory of the process"],
        [
          ["this page", vitB.ours, `1.00 x: ${vitB.ours <= vitB.theirs ? "met" : "missed"}`, vitB.ourMemory],
          ["onnxruntime-web", vitB.theirs, "", vitB.theirMemory],
        ].map(([name, time, target, memory]) => [
          `${name}, ${vitB.threads} threads`,
          `${(time / 1000).toFixed(1)} s`,
          `${(time / vitB.theirs).toFixed(2)} x`,
          target,
          `${(memory / 1e9).toFixed(2)} GB`,
        ]),
      )
}

What one encoding by ViT-B at an image size of 256 asks of a GPU; a test holds these:

${table(["backend", "dispatches", "bytes of buffers and textures, weights included, MB"], counts)}
`;
writeFileSync(new URL("../docs/browser-speed.md", import.meta.url), text);
