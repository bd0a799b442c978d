// Trains the small checkpoint from nothing on generated pictures: npm run train:embedded -- [--minutes N] ...
// Goes on with what is in the folder --out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TINY, useBackend, writeFileAtomic } from "../dist/index.js";
import { embeddedCurves } from "../dist/train/embedded/curves.js";
import { trainEmbedded } from "../dist/train/embedded/train.node.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "600" },
    out: { type: "string", default: ".cache/embedded" },
    seed: { type: "string", default: "1" },
    "decay-from": { type: "string" },
    "decay-steps": { type: "string", default: "4000" },
    "validation-prompts": { type: "string", default: "200" },
    "validate-every": { type: "string", default: "10" },
    backend: { type: "string", default: "auto" },
  },
});
const number = (name) => {
  const value = Number(values[name]);
  if (!(value >= 0)) throw new RangeError(`--${name} is ${values[name]}; expected a number`);
  return value;
};
// Factors of products in bfloat16 where the processor is made for that, as PyTorch's autocast does: a third faster.
process.env.TF_SET_ONEDNN_FPMATH_MODE ??= "BF16";
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
process.once("SIGTERM", () => stop.abort());
console.error(`backend: ${await useBackend(values.backend)}`);
const started = Date.now();
let first;
const scores = await trainEmbedded({
  config: TINY,
  out: values.out,
  seed: number("seed"),
  pictures: 8,
  prompts: 8,
  learningRate: 6e-4,
  decay:
    values["decay-from"] === undefined
      ? undefined
      : { from: number("decay-from"), steps: number("decay-steps") },
  minutes: number("minutes"),
  validateEvery: number("validate-every"),
  validationPrompts: number("validation-prompts"),
  signal: stop.signal,
  onStep(step, loss) {
    first ??= step - 1;
    if (step % 20 !== 0) return;
    const rate = (step - first) / ((Date.now() - started) / 1000);
    const memory = (process.memoryUsage().rss / 1e9).toFixed(1);
    console.error(`step ${step}  loss ${loss.toFixed(4)}  ${rate.toFixed(2)} steps/s  ${memory} GB`);
  },
  onScores: (step, { prompts, tight, jittered }) =>
    console.error(`step ${step}, Dice of ${prompts} prompts: ${JSON.stringify({ tight, jittered })}`),
});
const metrics = readFileSync(join(values.out, "metrics.jsonl"), "utf8").trim().split("\n");
await writeFileAtomic(
  join(values.out, "curves.svg"),
  embeddedCurves(metrics.map((line) => JSON.parse(line))),
);
console.log(JSON.stringify(scores));
