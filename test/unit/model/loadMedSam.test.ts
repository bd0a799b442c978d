import * as tf from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import { EMBEDDED_CHECKPOINT, loadMedSam as loadInNode } from "../../../src/loadMedSam.node.js";
import { loadMedSam as loadInBrowser } from "../../../src/loadMedSam.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import type { LoadReport } from "../../../src/weights/paramScope.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";

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
