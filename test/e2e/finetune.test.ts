import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLabelFile } from "../../src/image/decode.node.js";
import { labelsIn, maskBox, maskOfLabel } from "../../src/image/mask.js";
import { blocksOf } from "./docPages.js";
import { ENV, MAIN, medsam, ROOT, temporaryFolder, type Run } from "./medsam.js";

const PYTHON = process.env["MEDSAM_PYTHON"];
if (PYTHON === undefined) console.warn("skipping PyTorch's strict loading: MEDSAM_PYTHON names no Python");

// In a folder of their own.
const folder = mkdtempSync(join(tmpdir(), "medsam-finetune-"));
const train = (...args: string[]) =>
  medsam(["finetune", "rings", "--out", "run", "--steps", "16", "--learning-rate", "1e-3", "--validate-every", "8", ...args], folder); // prettier-ignore
let run: Run;
beforeAll(() => {
  const args = ["--count", "20", "--domain", "rings", "--size", "128"];
  expect(medsam(["synthesize", "--out", "rings", ...args], folder).status).toBe(0);
  writeFileSync(join(folder, "rings", "images", "broken.png"), "no picture");
  writeFileSync(join(folder, "rings", "labels", "broken.png"), "no labels");
  run = train("--json");
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("learns what the weights in the package were not trained on, and leaves out what cannot be read", () => {
  expect(run.stderr).toContain("rings: 18 images to train on, 2 to validate with");
  expect(run.stderr).toContain("rings: left out, as it cannot be used: 1");
  expect(run).toMatchObject({ status: 0 });
  const { dice, leftOut } = JSON.parse(run.stdout) as {
    dice: { before: number; best: number };
    leftOut: { id: string }[];
  };
  expect(dice.best).toBeGreaterThan(dice.before);
  expect(leftOut.map(({ id }) => id)).toEqual(["images/broken.png"]);
  const page = readFileSync(join(folder, "run", "report.html"), "utf8");
  expect(page).toContain("Step 16 of 16; best mean Dice");
  expect(page).not.toContain("<script");
});

/** The first object of the first picture. */
async function firstBox(): Promise<string> {
  const labels = await readLabelFile(join(folder, "rings", "labels", "0000.png"));
  return (maskBox(maskOfLabel(labels, labelsIn(labels)[0])) ?? []).join();
}

test("its weights segment", async () => {
  const args = ["--box", await firstBox(), "--checkpoint", "run/best.safetensors", "--out", "ring"];
  const segmented = medsam(["segment", "rings/images/0000.png", ...args], folder);
  expect(segmented.status).toBe(0);
  expect(existsSync(join(folder, "ring", "0000_mask.png"))).toBe(true);
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
    expect(medsam(["finetune", "rings", "--out", "full", "--steps", "1"], folder)).toMatchObject({
      status: 0,
    });
  },
  240_000,
);

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

test("the guide's three commands end in weights that segment better, and that PyTorch loads strictly", () => {
  const guide = temporaryFolder();
  const commands = blocksOf("sh").find(({ where }) => where.startsWith("docs/fine-tune.md"))!.code.trim().split("\n"); // prettier-ignore
  expect(commands).toHaveLength(3);
  const printed = commands.map((command) => {
    expect(command).toMatch(/^npx medsam /);
    const { status, stdout, stderr } = medsam(command.split(" ").slice(2), guide);
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    return stdout;
  });
  const [before, best] = diceOf(printed[1]);
  expect(best).toBeGreaterThan(before + 0.005);
  expect(readdirSync(join(guide, "ring"))).toContain("0000_mask.png");
  if (PYTHON === undefined) return;
  const args = ["-c", LOAD_STRICTLY, join(ROOT, "tools", "convert"), join(guide, "run", "best.safetensors")];
  expect(Number(execFileSync(PYTHON, args, { encoding: "utf8" }))).toBeGreaterThan(100);
}, 600_000);

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
