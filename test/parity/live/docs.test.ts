import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BLOCKS, blocksOf } from "../../e2e/docPages.js";
import { ENV, MAIN, ROOT } from "../../e2e/medsam.js";
import { readersFolder } from "../../e2e/readersFolder.js";
import { missing, PYTHON, seededVitB } from "./python.js";

// What the pages say to do with PyTorch, done with it.

/** The small checkpoint as `torch.save` writes it. */
const SAVE = `
import sys, torch
from safetensors.torch import load_file
torch.save({name: tensor.float() for name, tensor in load_file(sys.argv[1]).items()}, sys.argv[2])`;

/** The package asks for torchvision when it is imported, for parts that are not used here. */
const WITHOUT_TORCHVISION = `
import sys
from unittest.mock import MagicMock
for name in ("", ".ops", ".ops.boxes", ".transforms", ".transforms.functional"):
    sys.modules["torchvision" + name] = MagicMock()
`;

const commands = BLOCKS.filter(({ mark }) => mark === "console").flatMap(({ where, code }) =>
  [...code.matchAll(/^\$ (python tools|npx medsam parity --reference)(.*)$/gm)].map(([, start, rest]) => ({
    where,
    line: start + rest,
  })),
);

describe.skipIf(missing(false) !== undefined)("pages on PyTorch", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await readersFolder();
    const small = join(ROOT, "models", "medsam-tiny.safetensors");
    execFileSync(PYTHON!, ["-c", SAVE, small, join(folder, "medsam_vit_b.pth")]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(commands)("$where: $line", ({ line }) => {
    const [program, script, ...args] = line.split(" ");
    const { status, stdout, stderr } =
      program === "python"
        ? spawnSync(PYTHON!, [join(ROOT, script), ...args], { cwd: folder, encoding: "utf8" })
        : spawnSync(process.execPath, [MAIN, ...args], { cwd: folder, env: ENV, encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  });

  it("records and compares", () => {
    expect(commands.map(({ line }) => line.split(" ")[0])).toEqual(["python", "npx", "python", "npx"]);
    expect(readFileSync(join(folder, "parity.html"), "utf8")).toContain("all");
    expect(readFileSync(join(folder, "training.html"), "utf8")).toContain("train.losses");
  });

  it.each(blocksOf("python"))("$where", { timeout: 300_000 }, ({ code }) => {
    mkdirSync(join(folder, "run"), { recursive: true });
    const convert = [MAIN, "convert", seededVitB(), "run/best.safetensors"];
    execFileSync(process.execPath, convert, { cwd: folder, stdio: "ignore" });
    writeFileSync(join(folder, "block.py"), WITHOUT_TORCHVISION + code);
    const { status, stderr } = spawnSync(PYTHON!, ["block.py"], { cwd: folder, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  });
});
