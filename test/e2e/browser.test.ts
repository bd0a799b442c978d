import { build, type BuildResult } from "esbuild";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import vm from "node:vm";
import { beforeAll, expect, test } from "vitest";
import type * as Api from "../../src/browser.js";
import { ROOT, SAMPLE } from "./medsam.js";

interface Bundle extends BuildResult {
  outputFiles: NonNullable<BuildResult["outputFiles"]>;
  metafile: NonNullable<BuildResult["metafile"]>;
}
let bundle: Bundle;

beforeAll(async () => {
  bundle = await build({
    ...{ entryPoints: [join(ROOT, "dist", "browser.js")], absWorkingDir: ROOT },
    ...{ bundle: true, write: false, metafile: true, logLevel: "silent" },
    ...{ platform: "browser", format: "iife", globalName: "medsam" },
    external: ["fs", "path"], // of the JPEG codec, which asks for them in Node only
  });
});

test("the browser entry reaches nothing that only Node has", () => {
  const own = Object.entries(bundle.metafile.inputs).filter(([path]) => path.startsWith("dist/"));
  expect(own.length).toBeGreaterThan(50);
  for (const [path, { imports }] of own) {
    expect(path).not.toMatch(/\.node\.c?js$|^dist\/cli\//);
    for (const { path: imported } of imports) expect(imported).not.toMatch(/^node:/);
    expect(readFileSync(join(ROOT, path), "utf8")).not.toMatch(/\b(Buffer|process|require)\s*[.(]/);
  }
});

test("the bundle segments in a context that has what a worker has", async () => {
  const context = vm.createContext({
    ...{ TextDecoder, TextEncoder, URL, AbortController, Blob, performance },
    ...{ setTimeout, clearTimeout, queueMicrotask },
    self: { location: { href: "https://localhost/worker.js" } },
    WorkerGlobalScope: class {},
    console: {}, // printing would be an error
  });
  vm.runInContext(bundle.outputFiles[0].text, context);
  const medsam = vm.runInContext("medsam", context) as typeof Api;
  // Of the context's own kind, as a page's bytes are.
  const bytes = (path: string) => {
    const copy = vm.runInContext(`new Uint8Array(${readFileSync(path).length})`, context) as Uint8Array;
    copy.set(readFileSync(path));
    return copy;
  };
  expect(await medsam.useBackend("cpu")).toBe("cpu");
  const model = await medsam.loadMedSam(bytes(join(ROOT, "models", "medsam-tiny.safetensors")));
  const predictor = new medsam.SamPredictor(model);
  await predictor.setImage(await medsam.decodeImage(bytes(SAMPLE), "sample.png"));
  const { masks } = await predictor.predict({ box: [114, 205, 186, 275] });
  expect(medsam.maskArea(masks[0])).toBeGreaterThan(3000);
  expect(medsam.maskArea(masks[0])).toBeLessThan(4200);
});
