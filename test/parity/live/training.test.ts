import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import type { SamConfig } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import { disposeBatch } from "../../../src/train/batches.js";
import { plainTensors } from "../../../src/train/plainTensors.js";
import { Trainer } from "../../../src/train/trainer.js";
import { sizeOf } from "../../../src/weights/checkpoint.js";
import { ParamScope } from "../../../src/weights/paramScope.js";
import { saveSafetensors } from "../../../src/weights/safetensors.node.js";
import { readReference, type Fixture } from "../fixture.js";
import { oracleValues } from "../oracle.js";
import { SMALLEST } from "../../unit/train/tinyTraining.js";
import { missing, python } from "./python.js";
import { trainingBatch } from "./trainingInputs.js";

function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-training-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

type Train = "all" | "encoder+decoder" | "decoder";

/** What PyTorch does: losses, and weights after `steps` or, for none, gradients. */
function reference(config: SamConfig, train: Train, steps: number, images: number): Fixture {
  const out = temporaryFile("reference.safetensors");
  const options = { config: JSON.stringify(config), train, steps, images, out };
  python("train_steps.py", ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]));
  return readReference(out);
}

/** A model with the generator's weights; without an image encoder's, where only the decoder trains. */
function startingModel(config: SamConfig, train: Train): Sam {
  const isUnused = (path: string) => train === "decoder" && path.startsWith("image_encoder.");
  return new Sam(
    new ParamScope({
      values: (path, shape) => (isUnused(path) ? new Float32Array(sizeOf(shape)) : oracleValues(path, shape)),
    }),
    config,
  );
}

/** Ten steps beside PyTorch's: every loss within 1e-4 relative, every weight within 1e-4 absolute. */
async function expectSameSteps(config: SamConfig, train: Train, images: number): Promise<Sam> {
  const { tensors } = reference(config, train, 10, images);
  const model = startingModel(config, train);
  const trainer = new Trainer(model, { train, steps: 10 });
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    const batch = trainingBatch(config, step, images, train);
    losses.push((await trainer.step([batch])).loss);
    disposeBatch(batch);
  }
  const expected = [...tensors.get("losses")!.values];
  const off = losses.map((loss, n) => Math.abs(loss / expected[n] - 1));
  expect(Math.max(...off), `losses ${losses.join(", ")}; PyTorch's ${expected.join(", ")}`).toBeLessThan(
    1e-4,
  );

  expect([...trainer.parameters.keys()].map((path) => `after.${path}`).sort()).toEqual(
    [...tensors.keys()].filter((name) => name.startsWith("after.")).sort(),
  );
  const worst = [...trainer.parameters].map(([path, parameter]) => {
    const wanted = tensors.get(`after.${path}`)!.values;
    const difference = parameter.toTorch().reduce((most, x, n) => Math.max(most, Math.abs(x - wanted[n])), 0);
    return { path, difference };
  });
  worst.sort((a, b) => b.difference - a.difference);
  console.log(
    `largest differences: loss ${Math.max(...off).toExponential(1)}, weights ` +
      worst
        .slice(0, 3)
        .map(({ path, difference }) => `${path} ${difference.toExponential(1)}`)
        .join(", "),
  );
  expect(worst[0].difference, worst[0].path).toBeLessThan(1e-4);
  trainer.dispose();
  return model;
}

describe.skipIf(missing(false) !== undefined)("ten steps are PyTorch's", () => {
  it("of the smallest network, all of it, on cpu", async () => {
    await useBackend("cpu");
    const config = SMALLEST;
    const model = await expectSameSteps(config, "all", 2);
    const trained = temporaryFile("trained.safetensors");
    saveSafetensors(trained, plainTensors(model));
    model.dispose();
    python("train_steps.py", "--config", JSON.stringify(config), "--load", trained); // fails unless strict=True does
  });
});
