// A process of its own that trains in a folder: run.test.ts kills it. Arguments: folder, milliseconds a step takes.
import { useBackend } from "../../../src/backend/useBackend.js";
import { finetuneInFolder } from "../../../src/train/run.node.js";
import { rectangles, smallestSam } from "./tinyTraining.js";

const [out, delay] = process.argv.slice(2);
await useBackend("cpu");
try {
  await finetuneInFolder({
    out,
    resume: true,
    model: smallestSam(),
    data: rectangles(7),
    validation: rectangles(1, 50),
    train: "encoder+decoder",
    steps: 24,
    learningRate: 3e-3,
    flips: true,
    seed: 3,
    saveEvery: 2,
    validateEvery: 5,
    onStep: ({ step }) => {
      process.stdout.write(`${step}\n`);
      return new Promise((resolve) => setTimeout(resolve, Number(delay)));
    },
  });
} catch (error) {
  process.stderr.write(String(error));
  process.exitCode = 1;
}
