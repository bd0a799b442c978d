// npm run bench [-- --quick]: measures this project beside its peers, in one run. See docs/performance.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measure } from "./measure.mjs";
import { prepare, ROOT } from "./prepare.mjs";
import { document, occasion, plot, targetTable } from "./report.mjs";
import { judge } from "./targets.mjs";

const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const started = performance.now();
const say = (text) =>
  console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);

const result = await measure(prepare(), { quick: values.quick, say });
const run = {
  ...occasion(),
  ...result,
  targets: judge(result.figures),
};
console.log(targetTable(run));
// A quick run is for working on speed; what is published is a whole one.
if (!values.quick) {
  writeFileSync(join(ROOT, "bench", "results.json"), `${JSON.stringify(run, null, 1)}\n`);
  writeFileSync(join(ROOT, "docs", "images", "performance.svg"), plot(run));
  writeFileSync(join(ROOT, "docs", "performance.md"), document(run));
  say("bench/results.json, docs/performance.md, docs/images/performance.svg");
}
if (run.targets.some(({ verdict }) => verdict !== "met")) process.exitCode = 1;
