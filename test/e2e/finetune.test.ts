import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dice } from "../../src/evaluate/overlap.js";
import { flatMask } from "../../src/evaluate/voxelMask.js";
import { readLabelFile } from "../../src/image/decode.node.js";
import { maskOfLabel } from "../../src/image/mask.js";
import { blocksOf } from "./docPages.js";
import { ENV, MAIN, medsam, ROOT, type Run } from "./medsam.js";

const PYTHON = process.env["MEDSAM_PYTHON"];
if (PYTHON === undefined) console.warn("skipping PyTorch's strict loading: MEDSAM_PYTHON names no Python");

// The guide's three commands, in a folder of their own; beside its pictures lies a file that is none.
const folder = mkdtempSync(join(tmpdir(), "medsam-finetune-"));
const guide = blocksOf("sh").find(({ where }) => where.startsWith("docs/fine-tune.md"))!.code.trim().split("\n"); // prettier-ignore
const command = (line: string, ...more: string[]) => {
  expect(line).toMatch(/^npx medsam /);
  return medsam([...line.split(" ").slice(2), ...more], folder);
};
const train = (...more: string[]) => command(guide[1], ...more);
let run: Run;
beforeAll(() => {
  expect(guide).toHaveLength(3);
  expect(command(guide[0]).status).toBe(0);
  writeFileSync(join(folder, "rings", "images", "broken.png"), "no picture");
  writeFileSync(join(folder, "rings", "labels", "broken.png"), "no labels");
  run = train();
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Loads a checkpoint into segment-anything's own modules, nothing missing and nothing left. */
const LOAD_STRICTLY = `
import sys
sys.path.insert(0, sys.argv[1])
import sam
from safetensors.torch import load_file
state = load_file(sys.argv[2])
sam.build(sam.recognise(state)).load_state_dict(state, strict=True)
print(len(state))`;

/** What `finetune` says of its validation, in words. */
const diceOf = (printed: string) => /masks: ([\d.]+) before, ([\d.]+) at best/.exec(printed)?.slice(1).map(Number) ?? []; // prettier-ignore

test("the guide's three commands end in weights that segment what failed before, as it says, and that PyTorch loads strictly", async () => {
  expect(run.status, run.stderr).toBe(0);
  const page = readFileSync(join(ROOT, "docs", "fine-tune.md"), "utf8");
  const [before, best] = diceOf(run.stdout);
  expect(before).toBeLessThan(0.5);
  expect(best).toBeGreaterThan(before + 0.15);
  const validated = JSON.parse(readFileSync(join(folder, "run", "metrics.jsonl"), "utf8").split("\n")[0]) as { scores: { id: string }[] }; // prettier-ignore
  expect(page).toContain(
    `the mean Dice of the ${validated.scores.length} validation masks from ${before.toFixed(2)} to ${best.toFixed(2)}.`,
  );

  // The ring that is segmented did not train.
  expect(validated.scores.map(({ id }) => id)).toContain("images/0006.png");
  const untrained = guide[2].replace(/ --checkpoint \S+ --out after$/, " --out before");
  for (const line of [guide[2], untrained]) expect(command(line).status).toBe(0);
  const truth = flatMask(maskOfLabel(await readLabelFile(join(folder, "rings", "labels", "0006.png")), 1));
  for (const out of ["before", "after"]) {
    const found = flatMask(maskOfLabel(await readLabelFile(join(folder, out, "0006_labels.png")), 1));
    expect(page).toMatch(
      new RegExp(`${out}/0006_overlay[^()]*\\((Dice )?${dice(truth, found).toFixed(2)}\\)`),
    );
  }
  if (PYTHON === undefined) return;
  const args = ["-c", LOAD_STRICTLY, join(ROOT, "tools", "convert"), join(folder, "run", "best.safetensors")];
  expect(Number(execFileSync(PYTHON, args, { encoding: "utf8" }))).toBeGreaterThan(100);
}, 240_000);

test("leaves out what cannot be read, and ends in a page without scripts", () => {
  expect(run.stderr).toContain("rings: 18 images to train on, 6 to validate with");
  expect(run.stderr).toContain("rings: left out, as it cannot be used: 1");
  const page = readFileSync(join(folder, "run", "report.html"), "utf8");
  expect(page).toContain("Step 30 of 30; best mean Dice");
  expect(page).not.toContain("<script");
});

test("trains on crops around objects as the weights' preset says or --crop, keeps that in its configuration, and says so", () => {
  const { settings: usual } = JSON.parse(readFileSync(join(folder, "run", "config.json"), "utf8")) as { settings: object }; // prettier-ignore
  expect(usual).toMatchObject({ crop: 2 });
  const options = ["--crop", "3", "--accumulate", "2", "--jitter", "30", "--flips", "--clip", "1"];
  const cropped = medsam(["finetune", "rings", "--out", "cropped", "--steps", "2", ...options], folder);
  expect(cropped).toMatchObject({ status: 0 });
  expect(cropped.stdout).toContain("for medsam segment --crop 3 --checkpoint");
  const { settings } = JSON.parse(readFileSync(join(folder, "cropped", "config.json"), "utf8")) as { settings: object }; // prettier-ignore
  expect(settings).toMatchObject({ crop: 3, accumulate: 2, jitter: 30, flips: true, clip: 1 });
  expect(readFileSync(join(folder, "cropped", "report.html"), "utf8")).toContain(
    "a square of 3 times its box",
  );
  const other = medsam(
    ["finetune", "rings", "--out", "cropped", "--steps", "4", ...options, "--crop", "0", "--resume"],
    folder,
  );
  expect(other.status).toBe(1);
  expect(other.stderr).toContain("settings.crop: 3, now 0");
});

test("Ctrl-C saves, and the same command with --resume goes on", async () => {
  const args = ["finetune", "rings", "--out", "stopped", "--steps", "200", "--validate-every", "50"];
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: ENV });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "exit");
  const lines = () => {
    const path = join(folder, "stopped", "metrics.jsonl");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n").length : 0;
  };
  while (lines() < 3 && child.exitCode === null) await sleep(20);
  child.kill("SIGINT");
  expect(await ended).toEqual([130, null]);
  expect(stderr).toMatch(/stopped and saved; the same command with --resume goes on\n$/);
  const made = lines() - 1; // the validation before the first step
  const [first, ...rest] = args.map((arg) => (arg === "200" ? String(made + 1) : arg)); // one more is enough
  expect(medsam([first, ...rest, "--resume"], folder)).toMatchObject({ status: 0 });
  expect(lines()).toBe(made + 3); // the step, and the validation after it
}, 240_000);

test.skipIf(process.platform === "win32")(
  "a disk that takes neither embeddings nor page is no end; one that takes no checkpoint is, and is said",
  () => {
    // A limit on the size of files, in KiB, is a disk that is full in the middle of one.
    const limited = (most: number, ...args: string[]) =>
      spawnSync("bash", ["-c", `trap '' XFSZ; ulimit -f ${most}; exec "$0" "$@"`, process.execPath, MAIN, "finetune", "rings", ...args], { cwd: folder, env: ENV, encoding: "utf8" }); // prettier-ignore
    const full = limited(40, "--out", "full", "--steps", "2");
    expect(full.status).toBe(1);
    expect(full.stderr).toContain("full: cannot write report.html (EFBIG");
    expect(full.stderr).toMatch(
      /full: cannot save \(EFBIG.*\); nothing was saved there yet. Make room and resume/,
    );
    // It left nothing that another start would have to heed.
    const again = medsam(["finetune", "rings", "--out", "full", "--steps", "1", "--json"], folder);
    expect(again.status).toBe(0);
    const { dice, leftOut } = JSON.parse(again.stdout) as { dice: object; leftOut: { id: string }[] };
    expect(Object.keys(dice)).toEqual(expect.arrayContaining(["before", "best"]));
    expect(leftOut.map(({ id }) => id)).toEqual(["images/broken.png"]);
  },
  240_000,
);

test("does not write over a run, resumes only the same one, and says what was wrong", () => {
  expect(train()).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("holds a training already") as string,
  });
  const other = train("--resume", "--batch", "3");
  expect([other.status, other.stderr]).toEqual([1, expect.stringMatching(/settings.batch: 4, now 3/)]);
  const strict = train("--strict");
  expect([strict.status, strict.stderr]).toEqual([1, expect.stringContaining("broken.png: is not a PNG")]);
  const nothing = medsam(["finetune", "rings", "--out", "other", "--train", "nothing.*"], folder);
  expect([nothing.status, nothing.stderr]).toEqual([1, expect.stringContaining("nothing.*")]);
  expect(medsam(["finetune", "nowhere"], folder)).toMatchObject({ status: 1, stderr: expect.stringContaining("nowhere: cannot be read") as string }); // prettier-ignore
  expect(medsam(["finetune", "rings", "--schedule", "up"], folder).status).toBe(2);
}, 240_000);
