// node scripts/score-embedded.mjs NAME [CHECKPOINT]: scores a small checkpoint, the package's unless said, on generated
// pictures and on the sample files with ground truth, keeps the scores under its name in models/scores.json, and writes
// the tables of models/README.md (prompt by prompt, those of the first and the last). Without a name it only writes the tables.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { hashFile, loadMedSam, EMBEDDED_CHECKPOINT, useBackend } from "../dist/index.js";
import { scoreReal } from "../dist/train/embedded/scoreReal.node.js";
import { validateEmbedded } from "../dist/train/embedded/validate.js";
import { ROOT } from "./ready.mjs";

const SCORES = join(ROOT, "models", "scores.json");
const CARD = join(ROOT, "models", "README.md");
const PROMPTS = join(ROOT, "test", "parity", "prompts.json");
const DATA = join(ROOT, "..", "shared", "data");
const GENERATED_PROMPTS = 1000;

const [name, checkpoint = EMBEDDED_CHECKPOINT] = process.argv.slice(2);
const known = () => (existsSync(SCORES) ? JSON.parse(readFileSync(SCORES, "utf8")) : []);
if (name !== undefined) {
  if (!existsSync(DATA)) throw new Error(`${DATA} is missing: the sample files are there`);
  await useBackend();
  const model = await loadMedSam(checkpoint);
  console.error("generated pictures ...");
  const generated = await validateEmbedded(model, GENERATED_PROMPTS);
  console.error("sample files ...");
  const entry = {
    name,
    sha256: await hashFile(checkpoint),
    generated,
    real: await scoreReal(model, PROMPTS, DATA),
  };
  const all = known();
  const at = all.findIndex((other) => other.name === name);
  all.splice(at < 0 ? all.length : at, 1, entry);
  const rounded = (_, value) => (typeof value === "number" ? Number(value.toFixed(4)) : value);
  await write(SCORES, JSON.stringify(all, rounded));
}

const entries = known();
const show = (value) => value.toFixed(3);
const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const WAYS = { whole: "whole image", crop: "crop", ellipse: "ellipse", filledBox: "filled box", otsu: "Otsu", grabCut: "GrabCut" }; // prettier-ignore
const ways = Object.keys(WAYS);

const generated = table(
  ["generated pictures, mean Dice", "box", WAYS.whole, WAYS.crop, WAYS.ellipse, WAYS.filledBox],
  entries.flatMap(({ name, generated }) =>
    ["tight", "jittered"].map((box) => {
      const { whole, crop, ellipse, filledBox } = generated[box];
      return [name, box, ...[whole, crop, ellipse, filledBox].map(show)];
    }),
  ),
);
const real = table(
  ["sample files, mean Dice", "box", ...ways.map((way) => WAYS[way])],
  entries.flatMap(({ name, real }) =>
    ["tight", "wider"].map((box) => {
      const own = real.filter((score) => score.box === box);
      return [name, box, ...ways.map((way) => show(mean(own.map((score) => score[way]))))];
    }),
  ),
);
const shown = [entries[0], entries.at(-1)];
const boxAlone = ways.filter((way) => way !== "whole" && way !== "crop");
const each = table(
  [
    "each of them, tight box",
    ...shown.flatMap(({ name }) => [`${name}, ${WAYS.whole}`, `${name}, ${WAYS.crop}`]),
    ...boxAlone.map((way) => WAYS[way]),
  ],
  entries[0].real
    .filter(({ box }) => box === "tight")
    .map((first) => {
      const own = shown.map(({ real }) => real.find(({ id, box }) => id === first.id && box === first.box));
      const scores = own.flatMap(({ whole, crop }) => [whole, crop]);
      return [first.id.replaceAll("_", " "), ...[...scores, ...boxAlone.map((way) => first[way])].map(show)];
    }),
);

const [start, end] = ["<!-- scores: by scripts/score-embedded.mjs -->", "<!-- end of scores -->"];
const card = readFileSync(CARD, "utf8");
const [before, rest] = card.split(start);
const after = rest?.split(end)[1];
if (after === undefined) throw new Error(`${CARD}: has no ${start} ... ${end}`);
await write(CARD, `${before}${start}\n\n${[generated, real, each].join("\n\n")}\n\n${end}${after}`);

async function write(path, text) {
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
}
