import * as tf from "@tensorflow/tfjs";
import { readFileSync } from "node:fs";
import { beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { EMBEDDED_CHECKPOINT, loadMedSam as loadInNode } from "../../../src/loadMedSam.node.js";
import { loadMedSam as loadInBrowser } from "../../../src/loadMedSam.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import type { LoadReport } from "../../../src/weights/paramScope.js";
import { HUB_URL } from "../../../src/weights/hubAddress.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { startHub } from "../weights/hubServer.js";

beforeAll(async () => void (await tf.setBackend("cpu")));

/** The checkpoint in the package under other names, with two tensors that no SAM has. */
function wrapped(): Uint8Array {
  const file = openCheckpointFile(EMBEDDED_CHECKPOINT);
  const own = [...file.tensors].map(([name, info]) => ({
    ...info,
    name: `_orig_mod.module.${name}`,
    bytes: () => file.readBytes(name),
  }));
  const more = ["_orig_mod.module.pixel_mean", "loss.weight"].map((name) => ({
    name,
    dtype: "F32" as const,
    shape: [1],
    bytes: () => new Uint8Array(4),
  }));
  const bytes = safetensorsBytes([...own, ...more]);
  file.close();
  return bytes;
}

it.each([
  ["Node", loadInNode],
  ["browsers", loadInBrowser],
])("tells its caller what was renamed, left out and unexpected: %s", async (_, load) => {
  const reports: LoadReport[] = [];
  const model = await load(wrapped(), { onReport: (report) => reports.push(report) });
  model.dispose();
  expect(reports).toHaveLength(1);
  const [{ renamed, ...others }] = reports;
  expect(renamed).toHaveLength(230);
  expect(renamed[0]).toEqual([`_orig_mod.module.${renamed[0][1]}`, renamed[0][1]]);
  expect(others).toEqual({
    dropped: ["_orig_mod.module.pixel_mean"],
    missing: [],
    misshapen: [],
    unexpected: ["loss.weight"],
  });
});

it("takes weights from the hub in browsers, when they have the hub's hash", async () => {
  const hub = await startHub({
    "lab/tiny": { files: { "model.safetensors": readFileSync(EMBEDDED_CHECKPOINT) } },
  });
  const original = fetch;
  vi.stubGlobal("fetch", (url: string, init?: RequestInit) => original(url.replace(HUB_URL, hub.url), init));
  onTestFinished(() => {
    vi.unstubAllGlobals();
    return hub.close();
  });
  const model = await loadInBrowser("hf:lab/tiny");
  expect(model.namedParameters().size).toBe(230);
  model.dispose();
  hub.trouble.damaged = true;
  await expect(loadInBrowser("hf:lab/tiny")).rejects.toThrow(
    "hf:lab/tiny: has arrived damaged: its SHA-256 is",
  );
});
