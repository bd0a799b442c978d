import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLabelFile } from "../../src/image/decode.node.js";
import { labelsIn, maskBox, maskOfLabel } from "../../src/image/mask.js";
import { medsam, ROOT, type Run } from "./medsam.js";

const PYTHON = process.env["MEDSAM_PYTHON"];
if (PYTHON === undefined) console.warn("skipping PyTorch's strict loading: MEDSAM_PYTHON names no Python");

// The commands of docs/fine-tune.md, in a folder of their own.
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

test("learns what the weights in the package do not know, and leaves out what cannot be read", () => {
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

test("trains on crops around objects with --crop, keeps that in its configuration, and says so", () => {
  const cropped = medsam(["finetune", "rings", "--out", "cropped", "--steps", "2", "--crop", "2"], folder);
  expect(cropped).toMatchObject({ status: 0 });
  expect(cropped.stdout).toContain("for medsam segment --crop 2 --checkpoint");
  const { settings } = JSON.parse(readFileSync(join(folder, "cropped", "config.json"), "utf8")) as { settings: object }; // prettier-ignore
  expect(settings).toMatchObject({ crop: 2 });
  expect(readFileSync(join(folder, "cropped", "report.html"), "utf8")).toContain(
    "a square of 2 times its box",
  );
  const other = medsam(
    ["finetune", "rings", "--out", "cropped", "--steps", "4", "--crop", "3", "--resume"],
    folder,
  );
  expect(other.status).toBe(1);
  expect(other.stderr).toContain("settings.crop: 2, now 3");
});

/** Loads a checkpoint into segment-anything's own modules, nothing missing and nothing left. */
const LOAD_STRICTLY = `
import sys
sys.path.insert(0, sys.argv[1])
import sam
from safetensors.torch import load_file
state = load_file(sys.argv[2])
sam.build(sam.recognise(state)).load_state_dict(state, strict=True)
print(len(state))`;

test.skipIf(PYTHON === undefined)("PyTorch loads its weights strictly", () => {
  const weights = join(folder, "run", "best.safetensors");
  const args = ["-c", LOAD_STRICTLY, join(ROOT, "tools", "convert"), weights];
  expect(Number(execFileSync(PYTHON ?? "", args, { encoding: "utf8" }))).toBeGreaterThan(100);
});

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
