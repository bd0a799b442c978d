import { zipSync } from "fflate";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readImageFile, readLabelFile } from "../../src/image/decode.node.js";
import { maskOfLabel, type Mask } from "../../src/image/mask.js";
import type { LabelImage } from "../../src/image/pixels.js";
import type { SegmentResult } from "../../src/cli/segmentImage.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { MAIN, medsam, ROOT, runAgain, SAMPLE, temporaryFolder } from "./medsam.js";
import { severalMaskWeights } from "./severalMasks.js";

const BOX = ["--box", "114,205,186,275"];
const FILES = ["sample.json", "sample_labels.png", "sample_mask.png", "sample_overlay.png"];

function dice(a: Mask, b: Mask): number {
  let [both, sum] = [0, 0];
  for (const [i, value] of a.data.entries()) {
    both += value && b.data[i] ? 1 : 0;
    sum += (value ? 1 : 0) + (b.data[i] ? 1 : 0);
  }
  return (2 * both) / sum;
}

const readJson = (path: string) => JSON.parse(readFileSync(path, "utf8")) as SegmentResult;

describe("medsam segment", () => {
  test("finds the lesion of the sample", async () => {
    const out = temporaryFolder();
    const { status, stdout, stderr } = medsam([
      "segment",
      "--boxes",
      "examples/sample/boxes.json",
      "--out",
      out,
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("sample_overlay.png");
    expect(stdout).toContain("These are the small weights in the package");
    expect(readdirSync(out).sort()).toEqual(FILES);

    const labels = await readLabelFile(join(out, "sample_labels.png"));
    const truth = await readLabelFile(join(ROOT, "examples", "sample", "lesion.png"));
    expect(dice(maskOfLabel(labels, 1), maskOfLabel(truth, 1))).toBeGreaterThan(0.93);
    const mask = await readImageFile(join(out, "sample_mask.png"));
    expect(new Set(mask.data)).toEqual(new Set([0, 255]));
    expect(mask.data.every((value, i) => (value === 255) === (labels.data[i] === 1))).toBe(true);
    const overlay = await readImageFile(join(out, "sample_overlay.png"));
    expect(overlay).toMatchObject({ width: 512, height: 512, channels: 3 });
  });

  test("cuts the image around the box by default with the weights in the package, not with --crop 0", async () => {
    const truth = await readLabelFile(join(ROOT, "examples", "sample", "lesion.png"));
    const found: LabelImage[] = [];
    const out = temporaryFolder();
    for (const [options, crop] of [
      [[], 2],
      [["--crop", "2"], 2],
      [["--crop", "0"], 0],
      [["--preset", "MedSAM_Inference"], 0],
    ] as const) {
      const { status, stderr } = medsam(["segment", SAMPLE, ...BOX, ...options, "--out", out]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const { provenance } = readJson(join(out, "sample.json"));
      expect(provenance).toMatchObject({ crop });
      expect(provenance.command).toContain(`--crop ${crop} `);
      const labels = await readLabelFile(join(out, "sample_labels.png"));
      expect(dice(maskOfLabel(labels, 1), maskOfLabel(truth, 1))).toBeGreaterThan(0.9);
      found.push(labels);
    }
    expect(found[1]).toEqual(found[0]);
    expect(found[3]).toEqual(found[2]);
    expect(found[2]).not.toEqual(found[0]);

    const wrong = medsam(["segment", SAMPLE, ...BOX, "--crop", "0.5", "--out", out]);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain("Expected a number of at least 1");
  }, 60_000);

  test("says in NAME.json how to make it again, names no folder, and that command does", () => {
    const [folder, images] = [temporaryFolder(), temporaryFolder()];
    const image = join(images, "a slice.png");
    copyFileSync(SAMPLE, image);
    expect(medsam(["segment", image, ...BOX, "--box", "318,302,378,362"], folder).status).toBe(0);
    const text = readFileSync(join(folder, "out", "a slice.json"), "utf8");
    const { image: about, objects, provenance } = JSON.parse(text) as SegmentResult;
    expect(text).not.toContain(images);
    expect(text).not.toContain(ROOT);
    expect(about).toMatchObject({ file: "a slice.png", width: 512, height: 512 });
    expect(about.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(objects.map(({ value, box }) => [value, box])).toEqual([
      [1, [114, 205, 186, 275]],
      [2, [318, 302, 378, 362]],
    ]);
    expect(provenance).toMatchObject({
      package: "medsam-tfjs",
      checkpoint: { name: "medsam-tiny.safetensors", embedded: true },
      preset: "medsam-tiny",
      crop: 2,
      backend: "wasm",
      command:
        "medsam segment 'a slice.png' --box 114,205,186,275 --box 318,302,378,362 " +
        "--preset medsam-tiny --crop 2 --backend wasm",
    });

    expect(provenance.folder).toBe("the image's");
    expect(runAgain(provenance.command, images)).toMatchObject({ status: 0 });
    for (const file of readdirSync(join(folder, "out")))
      expect(readFileSync(join(images, "out", file)).equals(readFileSync(join(folder, "out", file)))).toBe(
        true,
      );
  });

  test("prints one JSON document with --json and nothing else", () => {
    const folder = temporaryFolder();
    const { status, stdout, stderr } = medsam(["segment", SAMPLE, ...BOX, "--json"], folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { results, failed } = JSON.parse(stdout) as { results: SegmentResult[]; failed: unknown[] };
    expect(failed).toEqual([]);
    const { files, ...document } = readJson(join(folder, "out", "sample.json"));
    expect(results[0]).toMatchObject(document);
    expect(results[0].files.mask).toBe(join("out", files.mask));
  });

  test("the command of an image from a table makes the same again, in the folder that it names", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "scans"));
    for (const path of ["b.png", join("scans", "a.png")]) copyFileSync(SAMPLE, join(folder, path));
    const rows = ["9,9,x,20,,", "114,205,186,275,lesion,", "318,302,378,362,kidney,340;330", ",,,,,150;240"];
    const points = (text: string) => text.replace(/(\d+);(\d+)$/, '"$1,$2"');
    const lines = ["b.png", "scans/a.png"].flatMap((image) => rows.map((row) => `${image},${points(row)}`));
    writeFileSync(join(folder, "it's.csv"), ["image,x0,y0,x1,y1,label,points", ...lines].join("\n"));
    expect(medsam(["segment", "--boxes", "it's.csv", "--out", "first"], folder).status).toBe(1);
    const [a, b] = ["a", "b"].map((name) => readJson(join(folder, "first", `${name}.json`)).provenance);
    const settings = "--boxes 'it'\\''s.csv' --preset medsam-tiny --crop 2 --backend wasm";
    expect(b).toMatchObject({ folder: "the image's", command: `medsam segment b.png ${settings}` });
    expect(a).toMatchObject({ folder: "the table's", command: `medsam segment ${settings}` });
    // Exit code 1 says that of the row which cannot be used.
    expect(runAgain(a.command, folder).status).toBe(1);
    for (const file of readdirSync(join(folder, "first")))
      expect(readFileSync(join(folder, "out", file)).equals(readFileSync(join(folder, "first", file)))).toBe(
        true,
      );
    rmSync(join(folder, "out"), { recursive: true });
    expect(runAgain(b.command, folder).status).toBe(1);
    expect(readdirSync(join(folder, "out"))).toHaveLength(4);
  });

  test("takes points with a box, and candidates", () => {
    const folder = temporaryFolder();
    const prompt = [...BOX, "--point", "150,240,1", "--point", "300,100,0", "--multimask"];
    const weights = ["--checkpoint", severalMaskWeights(folder)];
    expect(medsam(["segment", SAMPLE, ...prompt, ...weights], folder).status).toBe(0);
    const { objects, provenance } = readJson(join(folder, "out", "sample.json"));
    expect(objects).toHaveLength(1);
    expect(objects[0]).toMatchObject({
      box: [114, 205, 186, 275],
      points: [
        { point: [150, 240], label: 1 },
        { point: [300, 100], label: 0 },
      ],
    });
    expect(provenance.command).toContain("--point 150,240,1 --point 300,100,0");
    expect(provenance.command).toContain("--multimask");
  });

  test("refuses candidates of weights that never learnt to give several masks", () => {
    const folder = temporaryFolder();
    const refused = (weights: string[]) => {
      const { status, stderr } = medsam(["segment", SAMPLE, ...BOX, "--multimask", ...weights], folder);
      expect(status).toBe(2);
      return stderr;
    };
    const path = join(folder, "trained.safetensors");
    copyFileSync(join(ROOT, "models", "medsam-tiny.safetensors"), path);
    expect(refused([])).toMatch(
      /^medsam: --multimask: the weights in the package never learnt to give several/,
    );
    expect(refused(["--preset", "SamPredictor"])).toMatch(/^medsam: --multimask: the weights in the package/);
    expect(refused(["--checkpoint", path])).toContain("trained.safetensors is taken for weights that never");
    expect(readdirSync(folder)).toEqual(["trained.safetensors"]);
    // What the user says of weights that say nothing themselves holds.
    const said = ["--checkpoint", path, "--preset", "SamPredictor", "--multimask"];
    expect(medsam(["segment", SAMPLE, ...BOX, ...said], folder).status).toBe(0);
  });

  test("segments all images of a table, and goes on after one that fails", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "scans"));
    for (const name of ["a", "b", "c"]) copyFileSync(SAMPLE, join(folder, "scans", `${name}.png`));
    writeFileSync(join(folder, "scans", "b.png"), readFileSync(SAMPLE).subarray(0, 30_000));
    const rows = [
      "a.png,114,205,186,275,lesion",
      "b.png,0,0,9,9,",
      "c.png,600,0,900,9,",
      "a.png,318,302,378,362,kidney",
    ];
    writeFileSync(join(folder, "scans", "boxes.csv"), `image,x0,y0,x1,y1,label\n${rows.join("\n")}\n`);
    const run = medsam(["segment", "--boxes", "scans/boxes.csv", "--json"], folder);
    expect(run.status).toBe(1);
    const { results, failed } = JSON.parse(run.stdout) as {
      results: SegmentResult[];
      failed: { image: string; error: string }[];
    };
    expect(results.map(({ image }) => image.file)).toEqual(["a.png"]);
    expect(results[0].objects.map(({ label }) => label)).toEqual(["lesion", "kidney"]);
    expect(failed.map(({ image }) => image)).toEqual([join("scans", "b.png"), join("scans", "c.png")]);
    expect(run.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/^medsam: scans.b\.png: damaged PNG/),
      expect.stringMatching(
        /^medsam: scans.c\.png: scans.boxes\.csv, row 3: box \[600,0,900,9\] lies wholly outside the image of 512 x 512/,
      ),
    ]);
    expect(readdirSync(join(folder, "out"))).toHaveLength(4);
  });

  test("skips rows of a table that it cannot use, a line each, unless --strict", async () => {
    const folder = temporaryFolder();
    for (const name of ["a", "b"]) copyFileSync(SAMPLE, join(folder, `${name}.png`));
    const rows = [
      "a.png,114,205,x,275",
      "a.png,600,0,900,9",
      "a.png,318,302,378,362",
      ",1,2,3,4",
      "gone.png,1,2,3,4",
      "b.png,114,205,186,275",
    ];
    writeFileSync(join(folder, "boxes.csv"), `image,x0,y0,x1,y1\n${rows.join("\n")}\n`);
    const run = medsam(["segment", "--boxes", "boxes.csv", "--json"], folder);
    expect(run.status).toBe(1);
    expect(run.stderr.trim().split("\n")).toEqual([
      'medsam: boxes.csv, row 4: column image is ""; expected the file name of an image',
      'medsam: a.png: boxes.csv, row 1: column x1 is "x"; expected a number of pixels',
      "medsam: a.png: boxes.csv, row 2: box [600,0,900,9] lies wholly outside the image of 512 x 512 pixels",
      "medsam: gone.png: no such file; expected an image",
    ]);
    const said = JSON.parse(run.stdout) as { results: SegmentResult[]; failed: object[]; badRows: string[] };
    expect(said.failed).toHaveLength(1);
    expect(said.badRows).toHaveLength(1);
    expect(said.results.map(({ image }) => image.file)).toEqual(["a.png", "b.png"]);
    // A row keeps its value, whatever becomes of those before it.
    const { objects, skipped } = readJson(join(folder, "out", "a.json"));
    expect(objects).toMatchObject([{ value: 3, box: [318, 302, 378, 362] }]);
    expect(skipped).toMatchObject([{ value: 1, rows: [1] }, { value: 2, rows: [2] }]); // prettier-ignore
    const labels = await readLabelFile(join(folder, "out", "a_labels.png"));
    expect([...new Set(labels.data)].sort()).toEqual([0, 3]);

    const strict = medsam(["segment", "--boxes", "boxes.csv", "--strict", "--out", "strict"], folder);
    expect(strict.status).toBe(2);
    expect(strict.stderr).toMatch(/^medsam: boxes\.csv, row 1: column x1 is "x"/);
    writeFileSync(
      join(folder, "outside.csv"),
      `image,x0,y0,x1,y1\n${[rows[2], rows[1], rows[5]].join("\n")}\n`,
    );
    const stopped = medsam(["segment", "--boxes", "outside.csv", "--strict", "--out", "strict"], folder);
    expect(stopped.status).toBe(1);
    expect(stopped.stderr).toContain("a.png: outside.csv, row 2: box [600,0,900,9] lies wholly outside");
    expect(stopped.stderr).toContain("stopped there, as --strict says; images not begun: 1");
    expect(existsSync(join(folder, "strict"))).toBe(false);
  });

  test("takes a slice of a NIfTI volume, and its command makes the same again", () => {
    const folder = temporaryFolder();
    const size = [64, 64, 3] as const;
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, n) =>
      Math.abs((Math.floor(n / 64) % 64) - 32) < 10 && Math.abs((n % 64) - 40) < 10 ? 200 : 40,
    );
    const labels = { size, data, pixelSpacing: [1, 1] as const, sliceSpacing: 2 };
    writeFileSync(join(folder, "scan.nii.gz"), niftiLabelBytes(labels, "scan.nii.gz"));
    const box = ["--box", "28,20,52,44"];
    const without = medsam(["segment", "scan.nii.gz", ...box], folder);
    expect(without.stderr).toContain("scan.nii.gz: has 3 slices; name one with --slice 0 to 2");
    const run = medsam(["segment", "scan.nii.gz", "--slice", "1", ...box, "--json"], folder);
    expect(run.status, run.stderr).toBe(0);
    const { results } = JSON.parse(run.stdout) as { results: SegmentResult[] };
    expect(results[0].image).toMatchObject({ file: "scan.nii.gz", slice: 1, width: 64, height: 64 });
    const mask = () => readFileSync(join(folder, "out", "scan_slice1_mask.png"));
    const before = mask();
    rmSync(join(folder, "out"), { recursive: true });
    const again = runAgain(results[0].provenance.command, folder);
    expect(again.status, again.stderr).toBe(0);
    expect(mask()).toEqual(before);
  });

  test("takes a slice of a stack in MedSAM's format", () => {
    const folder = temporaryFolder();
    const [depth, side] = [3, 64];
    // A bright square that moves from slice to slice.
    const imgs = Uint8Array.from({ length: depth * side * side }, (_, n) => {
      const [z, y, x] = [Math.floor(n / side ** 2), Math.floor(n / side) % side, n % side];
      return Math.abs(y - 32) < 10 && Math.abs(x - 16 - 16 * z) < 10 ? 200 : 40;
    });
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${depth}, ${side}, ${side}), }`;
    const padded = `${header.padEnd(117)}\n`;
    const npy = [
      Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, padded.length, 0]),
      Buffer.from(padded),
      imgs,
    ];
    writeFileSync(join(folder, "stack.npz"), zipSync({ "imgs.npy": Buffer.concat(npy) }));

    const box = ["--box", "36,20,60,44"];
    const without = medsam(["segment", "stack.npz", ...box], folder);
    expect(without.status).toBe(1);
    expect(without.stderr).toContain("stack.npz: has 3 slices; name one with --slice 0 to 2");
    expect(medsam(["segment", SAMPLE, "--slice", "1", ...box], folder)).toMatchObject({ status: 2 });
    const run = medsam(["segment", "stack.npz", "--slice", "2", ...box, "--json"], folder);
    expect(run.status, run.stderr).toBe(0);
    const { results } = JSON.parse(run.stdout) as {
      results: { image: object; provenance: { command: string } }[];
    };
    expect(results[0].image).toMatchObject({ file: "stack.npz", slice: 2, width: side, height: side });
    expect(results[0].provenance.command).toContain("segment stack.npz --slice 2 --box 36,20,60,44");
    expect(existsSync(join(folder, "out", "stack_slice2_mask.png"))).toBe(true);
  });

  test("does not overwrite a mask that it did not write", () => {
    const folder = temporaryFolder();
    copyFileSync(SAMPLE, join(folder, "sample.png"));
    writeFileSync(join(folder, "sample_mask.png"), "drawn by hand");
    const run = medsam(["segment", "sample.png", ...BOX, "--out", "."], folder);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("sample_mask.png: is there already");
    expect(readFileSync(join(folder, "sample_mask.png"), "utf8")).toBe("drawn by hand");
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test.skipIf(process.platform === "win32")("leaves whole files when it is interrupted", async () => {
    const folder = temporaryFolder();
    for (const name of ["a", "b", "c"]) copyFileSync(SAMPLE, join(folder, `${name}.png`));
    const args = [MAIN, "segment", "a.png", "b.png", "c.png", ...BOX, "--backend", "cpu"];
    const child = spawn(process.execPath, args, { cwd: folder });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = once(child, "exit");
    while (!existsSync(join(folder, "out", "a_overlay.png")) && child.exitCode === null) await pause(20);
    await pause(200);
    child.kill("SIGINT");
    const [code] = (await ended) as [number];
    expect(code).toBe(130);
    expect(stderr).toMatch(/medsam: interrupted\n$/);
    const written = readdirSync(join(folder, "out")).sort();
    expect(written).toEqual(["a.json", "a_labels.png", "a_mask.png", "a_overlay.png"]);
  });
});
