import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SegmentResult } from "../../src/cli/segmentImage.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import { liteMedSam } from "./liteWeights.js";
import { medsam, SAMPLE, temporaryFolder } from "./medsam.js";

test("medsam segment takes LiteMedSAM's weights for what they are", { timeout: 100_000 }, () => {
  const folder = temporaryFolder();
  const checkpoint = join(folder, "lite_medsam.safetensors");
  saveSafetensors(checkpoint, liteMedSam());
  const inspected = medsam(["inspect", checkpoint]);
  expect(inspected.stdout).toContain("configuration LITE_MEDSAM");

  const options = ["--box", "114,205,186,275", "--checkpoint", checkpoint, "--out", folder];
  const run = medsam(["segment", SAMPLE, ...options]);
  expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
  const { provenance, objects } = JSON.parse(
    readFileSync(join(folder, "sample.json"), "utf8"),
  ) as SegmentResult;
  expect(provenance).toMatchObject({ preset: "LiteMedSAM", checkpoint: { name: "lite_medsam.safetensors" } });
  expect(objects).toHaveLength(1);

  const traced = medsam(["trace", SAMPLE, ...options]);
  expect({ status: traced.status, stderr: traced.stderr }).toEqual({ status: 0, stderr: "" });
  const page = readFileSync(join(folder, "index.html"), "utf8");
  expect(page).toContain("Not drawn: this encoder is not");
});
