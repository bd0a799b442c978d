import { build } from "esbuild";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveIsolated } from "./isolatedServer.mjs";

/** Dispatches and bytes that ViT-B at an image size of 256 asks of WebGL or WebGPU. See inPage/gpuCounts.ts. */
export async function countGpu(browser, backend) {
  const folder = mkdtempSync(join(tmpdir(), "medsam-counts-"));
  const script = join(folder, "counts.js");
  await build({
    entryPoints: [fileURLToPath(new URL("inPage/gpuCounts.ts", import.meta.url))],
    ...{ bundle: true, outfile: script, format: "iife", globalName: "counts", platform: "browser" },
    ...{ external: ["fs", "path"], define: { "import.meta.url": '"http://localhost/"' }, logLevel: "silent" },
  });
  const server = await serveIsolated('<!doctype html><script src="/counts.js"></script>', {
    "/counts.js": script,
  });
  const page = await browser.newPage();
  try {
    await page.goto(server.address);
    return await page.evaluate((name) => globalThis.counts.countGpu(name), backend);
  } finally {
    await page.close();
    server.close();
    rmSync(folder, { recursive: true });
  }
}
