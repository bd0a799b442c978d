import { execFile } from "node:child_process";
import { expect, test } from "vitest";
import * as medsam from "../../../src/index.js";
import { loadMedSam as loadInBrowser } from "../../../src/loadMedSam.js";

// No test in this file may start a backend.
const SAYS = "no backend is in use yet; call `await useBackend()` before you load or build a model";

test.each<[string, () => unknown]>([
  ["loads a model", () => medsam.loadMedSam()],
  ["loads one in a browser", () => loadInBrowser("https://nowhere.invalid/model.safetensors")],
  ["builds a model", () => new medsam.Sam(medsam.seededParameters(1), medsam.TINY)],
  ["makes a layer", () => new medsam.Linear(medsam.seededParameters(1), { inFeatures: 2, outFeatures: 3 })],
])("who %s without a backend is told so in one line", async (_, run) => {
  await expect(Promise.resolve().then(run)).rejects.toThrow(new Error(SAYS));
});

test("a program that ends with it prints no source but its own", async () => {
  const root = new URL("../../../", import.meta.url);
  const program = `import { loadMedSam } from "${new URL("dist/index.js", root).href}"; await loadMedSam();`;
  const stderr = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["--input-type=module", "-e", program], (_, __, text) => resolve(text));
  });
  expect(stderr).toContain(SAYS);
  expect(stderr.length).toBeLessThan(1500);
  expect(stderr).not.toContain("backend-wasm");
});
