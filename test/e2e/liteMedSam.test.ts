import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SegmentResult } from "../../src/cli/segmentImage.js";
import { LITE_MEDSAM } from "../../src/model/config.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import { initialValues, NORMAL } from "../../src/weights/initial.js";
import { fromFloat32 } from "../../src/weights/numbers.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import type { TensorToWrite } from "../../src/weights/safetensorsWriter.js";
import { medsam, SAMPLE, temporaryFolder } from "./medsam.js";

/** LiteMedSAM's state_dict, counters of batch norms included, with small values from a seed. */
function liteMedSam(): TensorToWrite[] {
  const tensors = [...parameterShapes(LITE_MEDSAM)].map(([name, shape]): TensorToWrite => {
    const values = () => {
      const isScale = /(running_var|(norm|bn)\.weight)$/.test(name);
      return initialValues(name, shape, NORMAL, 1).map((value) => (isScale ? 1 : value * 0.02));
    };
    return { name, dtype: "F32", shape, bytes: () => fromFloat32(values(), "F32") };
  });
  const counters = tensors
    .filter(({ name }) => name.endsWith("running_var"))
    .map(({ name }): TensorToWrite => {
      const counter = name.replace("running_var", "num_batches_tracked");
      return { name: counter, dtype: "I64", shape: [], bytes: () => new Uint8Array(8) };
    });
  return [...tensors, ...counters];
}

test("medsam segment takes LiteMedSAM's weights for what they are", { timeout: 100_000 }, () => {
  const folder = temporaryFolder();
  const checkpoint = join(folder, "lite_medsam.safetensors");
  saveSafetensors(checkpoint, liteMedSam());
  const inspected = medsam(["inspect", checkpoint]);
  expect(inspected.stdout).toContain("configuration LITE_MEDSAM");

  const run = medsam([
    "segment",
    SAMPLE,
    "--box",
    "114,205,186,275",
    "--checkpoint",
    checkpoint,
    "--out",
    folder,
  ]);
  expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
  const { provenance, objects } = JSON.parse(
    readFileSync(join(folder, "sample.json"), "utf8"),
  ) as SegmentResult;
  expect(provenance).toMatchObject({ preset: "LiteMedSAM", checkpoint: { name: "lite_medsam.safetensors" } });
  expect(objects).toHaveLength(1);

  const traced = medsam([
    "trace",
    SAMPLE,
    "--box",
    "114,205,186,275",
    "--checkpoint",
    checkpoint,
    "--out",
    folder,
  ]);
  expect({ status: traced.status, stderr: traced.stderr }).toEqual({ status: 0, stderr: "" });
  const page = readFileSync(join(folder, "index.html"), "utf8");
  expect(page).toContain("Not drawn: this encoder is not");
});
