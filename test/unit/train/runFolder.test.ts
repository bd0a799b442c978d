import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RunFolder } from "../../../src/train/runFolder.node.js";
import { TrainingError } from "../../../src/train/trainer.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import type { TensorToWrite } from "../../../src/weights/safetensorsWriter.js";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-run-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "run");
}

const config = { steps: 10, lora: { rank: 4 }, seed: 0 };
const tensor = (name: string, value: number): TensorToWrite => ({
  ...{ name, dtype: "U8", shape: [1] },
  bytes: () => Uint8Array.of(value),
});
const checkpoint = (step: number, isBest = false) => ({
  step,
  state: [tensor("state", step)],
  metadata: { step: String(step) },
  model: [tensor("model", step)],
  isBest,
});
const stepMetric = (step: number) => ({ step, loss: 1 / step, gradientNorm: 1, learningRate: 1e-4 });
function valueIn(path: string): number {
  const file = openCheckpointFile(path);
  const [[name]] = file.tensors;
  const [value] = file.readBytes(name);
  file.close();
  return value;
}

test("a resumed run has the state of the last checkpoint and what was logged until then", async () => {
  const folder = temporaryFolder();
  const run = await RunFolder.open(folder, config, false);
  expect([run.history, run.state]).toEqual([[], undefined]);
  await run.log({ step: 0, validation: [0.5] });
  for (const step of [1, 2]) await run.log(stepMetric(step));
  run.save(checkpoint(2, true));
  await run.log(stepMetric(3));
  run.save(checkpoint(3));
  await run.log(stepMetric(4));
  appendFileSync(run.file("metrics"), '{"step": 5, "lo'); // a kill
  expect([valueIn(run.file("best")), valueIn(run.file("last"))]).toEqual([2, 3]);

  const resumed = await RunFolder.open(folder, config, true);
  expect(resumed.state?.metadata["step"]).toBe("3");
  expect(resumed.history).toEqual([{ step: 0, validation: [0.5] }, ...[1, 2, 3].map(stepMetric)]);
  expect(readFileSync(run.file("metrics"), "utf8").trim().split("\n")).toHaveLength(4);
  resumed.state?.close();
});

test("a run that was killed before its first checkpoint starts again", async () => {
  const folder = temporaryFolder();
  const run = await RunFolder.open(folder, config, false);
  await run.log(stepMetric(1));
  const resumed = await RunFolder.open(folder, config, true);
  expect([resumed.history, resumed.state]).toEqual([[], undefined]);
});

test("a run is not overwritten, and resumed with the same configuration only", async () => {
  const folder = temporaryFolder();
  await expect(RunFolder.open(folder, config, true)).rejects.toThrow("holds no run to resume");
  await RunFolder.open(folder, config, false);
  await expect(RunFolder.open(folder, config, false)).rejects.toThrow("holds a run already; resume it");
  const other = { steps: 20, lora: { rank: 8 }, seed: 0, flips: true };
  const refused = RunFolder.open(folder, other, true);
  await expect(refused).rejects.toThrow(TrainingError);
  await expect(refused).rejects.toThrow(
    'steps was 10, is 20; lora was {"rank":4}, is {"rank":8}; flips was nothing, is true. Name what was',
  );
});

test("what cannot be written is said, and the checkpoint before it stays", async () => {
  const folder = temporaryFolder();
  const run = await RunFolder.open(folder, config, false);
  run.save(checkpoint(2));
  // A folder in the place of a file stands for a disk that takes no more.
  rmSync(run.file("last"));
  mkdirSync(run.file("last"));
  expect(() => run.save(checkpoint(4))).toThrow(
    /step 4 cannot be saved .*the checkpoint before it is as it was/,
  );
  expect(valueIn(run.file("state"))).toBe(2);
  expect(readdirSync(folder).filter((name) => name.includes("tmp"))).toEqual([]);
  expect(existsSync(run.file("best"))).toBe(false);
});
