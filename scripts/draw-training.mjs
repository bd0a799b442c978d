// node scripts/draw-training.mjs: draws docs/images/training.svg, the curves of the project's own training in
// models/README.md, from models/training.jsonl, the metrics of its npm run train:embedded. Run it after a build.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { embeddedCurves } from "../dist/train/embedded/curves.js";
import { ROOT } from "./ready.mjs";

const lines = readFileSync(join(ROOT, "models", "training.jsonl"), "utf8")
  .trim()
  .split("\n");
const curves = embeddedCurves(lines.map((line) => JSON.parse(line)));
writeFileSync(join(ROOT, "docs", "images", "training.svg"), curves);
