import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { medsam, ROOT } from "./medsam.js";

// Many calls in one process leave tensors and memory flat. Takes many minutes, so only where it is asked for.
const backend = process.env.MEDSAM_TEST_STABILITY;
if (backend === undefined)
  console.warn("stability.test.ts: skipped; set MEDSAM_TEST_STABILITY=tensorflow for thousands of calls");

const VIT_B = join(ROOT, ".cache", "parity", "vit_b.pth");
if (backend !== undefined && !existsSync(VIT_B))
  console.warn(`stability.test.ts: ViT-B is skipped; test/parity/live/fullSize.test.ts makes ${VIT_B}`);

/** Tensors and resident bytes after the first tenth of the calls, and after all. */
interface Growth {
  readonly tensors: readonly [number, number];
  readonly bytes: readonly [number, number];
}

/**
 * Runs `work` in a process of its own, with a model and an image: it tells `counted` of each of this many calls, from 1 on.
 */
function measure(work: string, times: number, checkpoint?: string): Growth {
  const script = `
    import * as tf from "@tensorflow/tfjs";
    const { finetuneInFolder, loadMedSam, openData, readImageFile, SamPredictor, Trainer, useBackend } = await import("./dist/index.js");
    await useBackend(${JSON.stringify(backend)});
    const image = await readImageFile("examples/sample/sample.png");
    const model = await loadMedSam(${JSON.stringify(checkpoint)});
    const measured = [];
    // What JavaScript could free is not growth.
    const measure = () => (gc(), measured.push([tf.memory().numTensors, process.memoryUsage().rss]));
    const counted = (n) => (n === ${times / 10} || n === ${times}) && measure();
    ${work};
    console.log(JSON.stringify(measured));
    process.exit(0);`;
  const args = ["--expose-gc", "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  expect(stderr).toBe("");
  const [first, last] = JSON.parse(stdout) as [number, number][];
  return { tensors: [first[0], last[0]], bytes: [first[1], last[1]] };
}

describe.skipIf(backend === undefined)(`on ${backend}, tensors and memory stay flat`, () => {
  const repeated = (setup: string, call: string, times: number) =>
    `${setup}; for (let n = 1; n <= ${times}; n++) { ${call}; counted(n) }`;
  const predictor = "const predictor = new SamPredictor(model, { crop: 0 }); await predictor.setImage(image)";
  const encode = "await predictor.setImage(image)";
  const decode = "await predictor.predict({ box: [114, 205, 186, 275] })";
  const trainer = `
    const trainer = new Trainer(model, { train: "all", steps: 1000 });
    const batch = {
      images: tf.zeros([2, model.config.imageSize, model.config.imageSize, 3]),
      prompts: { boxes: tf.tensor2d([[20, 30, 60, 70], [10, 10, 90, 80]]) },
      target: tf.ones([2, 1, model.config.imageSize, model.config.imageSize]),
    }`;
  const step = "await trainer.step([batch])";
  const folder = mkdtempSync(join(tmpdir(), "medsam-stability-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const rings = join(folder, "rings");
  // With reading threads, kept embeddings, validations and checkpoints.
  const run = `
    const { train, validation, close } = await openData(${JSON.stringify(rings)}, { validation: 0.2 });
    const settings = { train: "decoder", steps: 300, validateEvery: 30, saveEvery: 30 };
    const onStep = ({ step }) => counted(step);
    await finetuneInFolder({ model, data: train, validation, ...settings, onStep, out: ${JSON.stringify(join(folder, "run"))} });
    await close()`;
  test.each([
    ["500 encodes", repeated(predictor, encode, 500), 500, undefined],
    ["5000 decodes", repeated(predictor, decode, 5000), 5000, undefined],
    ["300 steps of training", repeated(trainer, step, 300), 300, undefined],
    ["a training run of 300 steps", run, 300, undefined],
    ...(existsSync(VIT_B)
      ? [["20 encodes of ViT-B", repeated(predictor, encode, 20), 20, VIT_B] as const]
      : []),
  ] as const)("%s", { timeout: 1_800_000 }, (name, work, times, checkpoint) => {
    if (work === run)
      expect(medsam(["synthesize", "--out", rings, "--count", "30", "--domain", "rings"]).status).toBe(0);
    const { tensors, bytes } = measure(work, times, checkpoint);
    const growth = bytes[1] / bytes[0] - 1;
    const megabytes = bytes.map((value) => (value / 1e6).toFixed(0)).join(" to ");
    console.log(`${name}: ${tensors[1]} tensors, ${megabytes} MB (${(100 * growth).toFixed(1)} %)`);
    expect(tensors[1]).toBe(tensors[0]);
    expect(growth).toBeLessThan(0.03);
  });
});
