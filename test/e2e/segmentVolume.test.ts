import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { decodeImage } from "../../src/image/decode.js";
import { readNpz } from "../../src/image/npz.js";
import { affineOf, column, transform, type Affine } from "../../src/volume/affine.js";
import { metaImageLabelBytes } from "../../src/volume/metaImageWrite.js";
import { readNiftiLabels } from "../../src/volume/nifti.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { npzBytes } from "../../src/volume/npzWrite.js";
import { nrrdLabelBytes } from "../../src/volume/nrrdWrite.js";
import type { Vector3 } from "../../src/volume/vector.js";
import type { LabelVolume } from "../../src/volume/volume.js";
import { IMAGE, makeDicom } from "../unit/volume/makeDicom.js";
import { MAIN, medsam, ROOT, runAgain, temporaryFolder } from "./medsam.js";

/** A bright ellipsoid near one corner of a volume of unequal sides. */
const SIZE = [56, 44, 14] as const;
const CENTRE = [16, 28, 8] as const;
const RADII = [9, 7, 3];
const BOX = "7,21,25,35";
const image = Uint8Array.from({ length: SIZE[0] * SIZE[1] * SIZE[2] }, (_, i) => {
  const at = [i % SIZE[0], Math.floor(i / SIZE[0]) % SIZE[1], Math.floor(i / SIZE[0] / SIZE[1])];
  const away = at.reduce((sum, x, axis) => sum + ((x - CENTRE[axis]) / RADII[axis]) ** 2, 0);
  return (away <= 1 ? 180 : 60) + (i % 7);
});

/** The middle of what is labelled, in voxels. */
function middleOf({ size, data }: Pick<LabelVolume, "size" | "data">): [number, number, number] {
  const sum = [0, 0, 0];
  let count = 0;
  data.forEach((label, i) => {
    if (label === 0) return;
    count++;
    [i % size[0], Math.floor(i / size[0]) % size[1], Math.floor(i / size[0] / size[1])].forEach((x, axis) => (sum[axis] += x)); // prettier-ignore
  });
  expect(count).toBeGreaterThan(500);
  return sum.map((value) => value / count) as [number, number, number];
}

const run = (folder: string, ...args: string[]) => medsam(["segment-volume", ...args, "--backend", "wasm", "--out", "out"], folder); // prettier-ignore

const [c, s] = [Math.cos(0.4), Math.sin(0.4)];
const AFFINES: Record<string, Affine> = {
  RAS: [[0.8, 0, 0, -20], [0, 0.9, 0, 5], [0, 0, 3, 40]], // prettier-ignore
  LAS: [[-0.8, 0, 0, 30], [0, 0.9, 0, 5], [0, 0, 3, 40]], // prettier-ignore
  LPS: [[-0.8, 0, 0, 30], [0, -0.9, 0, 15], [0, 0, 3, 40]], // prettier-ignore
  oblique: [[0.8 * c, -0.9 * s, 0, 12], [0.8 * s, 0.9 * c, 0, -7], [0, 0, -3, 40]], // prettier-ignore
};

describe("medsam segment-volume", () => {
  test.each([
    [
      "--point 16,28 --point 50,5,0 --slice 8 --margin 3mm --plane axial --format seg.nrrd --crop 0",
      "v_labels.seg.nrrd",
    ],
    [
      "--prompts-from it's.nii.gz --pieces --widen 1 --jitter 2 --seed 7 --intensity percentiles",
      "v_labels.nii.gz",
    ],
  ])("%s: the command in the JSON makes the same again in the volume's folder", (options, labels) => {
    const folder = temporaryFolder();
    const [out, data] = [join(folder, "first"), join(folder, "data")];
    mkdirSync(data);
    const volume = { size: SIZE, affine: AFFINES["RAS"], data: image };
    writeFileSync(join(data, "v.nii.gz"), niftiLabelBytes(volume, "v.nii.gz"));
    const truth = image.map((value) => (value > 100 ? 1 : 0));
    writeFileSync(join(data, "it's.nii.gz"), niftiLabelBytes({ ...volume, data: truth }, "it's.nii.gz"));
    const first = medsam(
      ["segment-volume", join(data, "v.nii.gz"), ...options.split(" "), "--out", out],
      data,
    );
    expect(first.status, first.stderr).toBe(0);
    const { provenance } = JSON.parse(readFileSync(join(out, "v.json"), "utf8")) as {
      provenance: { command: string; folder: string };
    };
    expect(provenance.folder).toBe("the volume's");
    const again = runAgain(provenance.command, data);
    expect(again.status, again.stderr).toBe(0);
    for (const file of ["v.json", labels, "v_slices.png"])
      expect(readFileSync(join(data, "out", file)).equals(readFileSync(join(out, file)))).toBe(true);
  });

  test.each(Object.entries(AFFINES))("%s: the labels lie where the object is", (name, affine) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "v.nii.gz"), niftiLabelBytes({ size: SIZE, affine, data: image }, "v.nii.gz"));
    const { status, stdout } = run(folder, "v.nii.gz", "--box", BOX, "--slice", "8", "--json");
    expect(status).toBe(0);
    const labels = readNiftiLabels(readFileSync(join(folder, "out", "v_labels.nii.gz")), "labels");
    const [got, expected] = [transform(labels.affine!, middleOf(labels)), transform(affine, CENTRE)];
    for (const axis of [0, 1, 2]) expect(Math.abs(got[axis] - expected[axis])).toBeLessThan(2);
    const document = JSON.parse(stdout) as {
      volume: { orientation: string };
      objects: { slices: object[] }[];
    };
    expect(document.volume.orientation).toMatch(/^[LR][AP][IS]$/);
    if (name !== "oblique") expect(document.volume.orientation).toBe(name);
    expect(document.objects[0].slices.length).toBeGreaterThan(4);
  });

  test("NRRD and MetaImage in and out; --format chooses; evaluate scores them", () => {
    const folder = temporaryFolder();
    const volume = { size: SIZE, affine: AFFINES.oblique, data: image };
    writeFileSync(join(folder, "v.nrrd"), nrrdLabelBytes(volume));
    writeFileSync(join(folder, "v.mha"), metaImageLabelBytes(volume));
    const truth = image.map((value) => (value > 100 ? 1 : 0));
    // Cut to some slices, as 3D Slicer does.
    const [x, y, z, origin] = [0, 1, 2, 3].map((axis) => column(AFFINES.oblique, axis));
    const start = origin.map((at, i) => at + 3 * z[i]) as unknown as Vector3;
    const part = { size: [SIZE[0], SIZE[1], 11], affine: affineOf(x, y, z, start), data: truth.subarray(3 * SIZE[0] * SIZE[1]) } as const; // prettier-ignore
    writeFileSync(join(folder, "t.seg.nrrd"), nrrdLabelBytes(part, [{ label: 1, name: "lesion" }]));
    for (const [args, written] of [
      [["v.nrrd"], "v_labels.seg.nrrd"],
      [["v.mha", "--format", "nii.gz"], "v_labels.nii.gz"],
      [["v.mha"], "v_labels.mha"],
    ] as const) {
      expect(run(folder, ...args, "--prompts-from", "t.seg.nrrd"), args.join(" ")).toMatchObject({
        status: 0,
      });
      expect(existsSync(join(folder, "out", written))).toBe(true);
      const table = `prediction,truth\nout/${written},t.seg.nrrd\n`;
      writeFileSync(join(folder, "cases.csv"), table);
      const scored = medsam(["evaluate", "cases.csv", "--json", "--out", "scores"], folder);
      expect(scored).toMatchObject({ status: 0, stderr: "" });
      const { rows } = JSON.parse(scored.stdout) as { rows: { scores: { dice: number } }[] };
      expect(rows[0].scores.dice).toBeGreaterThan(0.7);
    }
  });

  test.each([
    ["--plane", "coronal", "--box", "7,4,25,12", "--slice", "28"],
    ["--box3d", "7,21,6,25,35,10"],
    ["--slice-box", "6,7,21,25,35", "--slice-box", "10,8,22,24,34"],
    ["--point", "16,30", "--point", "2,2,0", "--slice", "8"],
    ["--slice-point", "6,16,30", "--slice-point", "10,15,29", "--slice-box", "8,7,21,25,35"],
    ["--mask", "drawn.nii.gz"],
    ["--prompts-from", "t.nii.gz"],
    ["--prompts-from", "t.nii.gz", "--every-slice", "--plane", "axial"],
    ["--prompts-from", "t.nii.gz", "--pieces", "--widen", "1mm", "--jitter", "2", "--margin", "1.5mm"],
  ])("%s %s: the same object is found", (...args) => {
    const folder = temporaryFolder();
    const affine = AFFINES.LAS;
    writeFileSync(join(folder, "v.nii.gz"), niftiLabelBytes({ size: SIZE, affine, data: image }, "v.nii.gz"));
    const truth = Uint8Array.from(image, (value) => (value >= 180 ? 3 : 0));
    writeFileSync(join(folder, "t.nii.gz"), niftiLabelBytes({ size: SIZE, affine, data: truth }, "t.nii.gz"));
    const [area, middle] = [SIZE[0] * SIZE[1], CENTRE[2]];
    const drawn = truth.map((value, i) => (Math.floor(i / area) === middle ? value : 0));
    writeFileSync(join(folder, "drawn.nii.gz"), niftiLabelBytes({ size: SIZE, affine, data: drawn }, "drawn.nii.gz")); // prettier-ignore
    expect(run(folder, "v.nii.gz", ...args)).toMatchObject({ status: 0 });
    const labels = readNiftiLabels(readFileSync(join(folder, "out", "v_labels.nii.gz")), "labels");
    middleOf(labels).forEach((at, axis) => expect(Math.abs(at - CENTRE[axis])).toBeLessThan(2));
    expect(new Set(labels.data)).toEqual(
      new Set([0, ["--prompts-from", "--mask"].includes(args[0]) ? 3 : 1]),
    );
  });

  test("npz comes back as npz, with a picture and numbers; what is not ours is left alone", async () => {
    const folder = temporaryFolder();
    const [width, height, depth] = SIZE;
    const arrays = {
      imgs: { shape: [depth, height, width], data: image },
      spacing: { shape: [3], data: Float64Array.of(0.5, 0.5, 4) },
    };
    writeFileSync(join(folder, "CT_1.npz"), npzBytes(arrays));
    const first = run(folder, "CT_1.npz", "--box", BOX, "--slice", "8");
    expect(first.status).toBe(0);
    expect(first.stdout).toMatch(/object 1: [\d,]+ voxels, \d+(\.\d+)? ml, slices \d+ to \d+/);
    expect(readdirSync(join(folder, "out")).sort()).toEqual([
      "CT_1.json",
      "CT_1_labels.npz",
      "CT_1_slices.png",
    ]);
    expect(() => readNpz(readFileSync(join(folder, "out", "CT_1_labels.npz")), "segs")).toThrow(/imgs/); // it has segs
    const picture = await decodeImage(readFileSync(join(folder, "out", "CT_1_slices.png")), "picture");
    expect([picture.width, picture.channels]).toEqual([1036, 3]);
    expect(run(folder, "CT_1.npz", "--box", BOX, "--slice", "8").status).toBe(0);
    writeFileSync(join(folder, "out", "CT_1.json"), "{}");
    expect(run(folder, "CT_1.npz", "--box", BOX, "--slice", "8")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("was not written by medsam segment-volume") as string,
    });
  });

  test.each([
    [[], /no prompt: expected --box/],
    [["--box", BOX], /has \d+ slices; expected --slice 0 to \d+, the one that --box is drawn in/],
    [["--slice", "3", "--box3d", "1,1,1,9,9,9"], /--slice goes with --box/],
    [["--point", "3,4"], /expected --slice 0 to \d+, the one that --point is drawn in/],
    [["--point", "3,4,2", "--slice", "1"], /Expected 1 \(in the object\) or 0/],
    [["--slice-point", "3,4"], /Expected x,y for a point in the object/],
    [["--mask", "m.npz", "--box", BOX, "--slice", "1"], /--mask goes without other prompts/],
    [["--prompts-from", "t.npz", "--box", BOX, "--slice", "1"], /goes without other prompts/],
    [["--every-slice", "--box", BOX, "--slice", "1"], /--every-slice goes with --prompts-from/],
    [["--slice-box", "3,1,1,9,9", "--slice-box", "3,2,2,9,9"], /slice 3 has two boxes/],
    [["--prompts-from", "t.npz", "--seed", "2"], /--seed goes with --jitter/],
    [["--box", BOX, "--slice", "1", "--margin", "2"], /a share of 0 to 1, or millimetres such as 3mm/],
    [["--box3d", "1,2,9,4,5,3"], /first and last slice/],
    [["--plane", "axial", "--box", BOX, "--slice", "1"], /does not say how it lies/],
  ])("wrong use is said in one line: %#", (args, message) => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, "a.npz"),
      npzBytes({ imgs: { shape: [SIZE[2], SIZE[1], SIZE[0]], data: image } }),
    );
    const { status, stderr } = run(folder, "a.npz", ...args);
    expect(stderr.trim().split("\n").at(-1)).toMatch(message);
    expect(status).toBe(2);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  test("a slice that is not there, and labels of another place, are refused", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "v.nii.gz"), niftiLabelBytes({ size: SIZE, affine: AFFINES.RAS, data: image }, "v.nii.gz")); // prettier-ignore
    const outside = run(folder, "v.nii.gz", "--box", BOX, "--slice", "14");
    expect([outside.status, outside.stderr]).toEqual([1, expect.stringContaining("object 1 is prompted in slice 14; expected one of 0 to 13")]); // prettier-ignore
    writeFileSync(join(folder, "t.nii.gz"), niftiLabelBytes({ size: SIZE, affine: AFFINES.LAS, data: image }, "t.nii.gz")); // prettier-ignore
    expect(run(folder, "v.nii.gz", "--prompts-from", "t.nii.gz")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("labels lie elsewhere than the image") as string,
    });
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  const write = (folder: string) =>
    writeFileSync(join(folder, "v.nii.gz"), niftiLabelBytes({ size: SIZE, affine: AFFINES.LAS, data: image }, "v.nii.gz")); // prettier-ignore

  test("--cache: a second run gives the same, also when the first was killed or a file is damaged", async () => {
    const folder = temporaryFolder();
    write(folder);
    const args = ["v.nii.gz", "--box3d", "7,21,6,25,35,8", "--cache", "kept"];
    const child = spawn(process.execPath, [MAIN, "segment-volume", ...args, "--backend", "wasm", "--out", "out"], { cwd: folder, stdio: "ignore" }); // prettier-ignore
    const kept = () => (existsSync(join(folder, "kept")) ? readdirSync(join(folder, "kept")) : []);
    while (kept().length < 1 && child.exitCode === null) await sleep(10);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(existsSync(join(folder, "out", "v.json"))).toBe(false);
    const labels = () => readFileSync(join(folder, "out", "v_labels.nii.gz"));
    expect(run(folder, ...args).status).toBe(0);
    const first = labels();
    const files = kept().filter((name) => name.endsWith(".embedding"));
    expect(files).toHaveLength(3);
    writeFileSync(join(folder, "kept", files[0]), "no embedding");
    expect(run(folder, ...args).status).toBe(0);
    expect(labels()).toEqual(first);
  });

  test.skipIf(process.platform === "win32")("Ctrl-C leaves no file", async () => {
    const folder = temporaryFolder();
    write(folder);
    const args = [
      "segment-volume",
      "v.nii.gz",
      "--box",
      BOX,
      "--slice",
      "8",
      "--backend",
      "cpu",
      "--cache",
      "kept",
    ];
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = once(child, "exit");
    const begun = () => existsSync(join(folder, "kept")) && readdirSync(join(folder, "kept")).length > 0;
    while (!begun() && child.exitCode === null) await sleep(10);
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    expect(stderr).toMatch(/medsam: interrupted\n$/);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  test("a full disk leaves no file and is said in one line", ({ skip }) => {
    const folder = temporaryFolder();
    write(folder);
    const out = join(folder, "out");
    mkdirSync(out);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8k", "none", out], { stdio: "ignore" }).status !== 0) {
      console.warn(
        "segmentVolume.test.ts: the full disk is not tried, as mounting one is not permitted here",
      );
      return skip();
    }
    try {
      const { status, stderr } = run(folder, "v.nii.gz", "--box", BOX, "--slice", "8");
      expect([status, stderr.trim().split("\n").length]).toEqual([1, 1]);
      expect(stderr).toMatch(/out: cannot be written to \(ENOSPC.*nothing was written/);
      expect(readdirSync(out)).toEqual([]);
    } finally {
      spawnSync("umount", [out]);
    }
  });

  test("ultrasound and films: an image without a place, and one frame of several", () => {
    const folder = temporaryFolder();
    const side = 48;
    // Two frames, a disc at another place in each; the single image is the second of them.
    const pixels = Uint16Array.from({ length: 2 * side * side }, (_, i) => {
      const [x, y, frame] = [i % side, Math.floor(i / side) % side, Math.floor(i / side / side)];
      return (x - 14 - 16 * frame) ** 2 + (y - 24) ** 2 < 81 ? 900 : 100 + ((7 * x + 3 * y) % 40);
    });
    const size = { "00280010 US": [side], "00280011 US": [side] };
    const bytes = new Uint8Array(pixels.buffer);
    writeFileSync(join(folder, "us.dcm"), makeDicom({ ...IMAGE, ...size, "7FE00010 OW": bytes.subarray(bytes.length / 2) })); // prettier-ignore
    writeFileSync(join(folder, "film.dcm"), makeDicom({ ...IMAGE, ...size, "00280008 IS": "2", "7FE00010 OW": bytes })); // prettier-ignore
    const box = ["--box", "16,12,44,36"];
    const labels = (name: string) => {
      const path = join(folder, "out", `${name}_labels.nii.gz`);
      return [...readNiftiLabels(readFileSync(path), path).data];
    };

    const said = /no DICOM segmentation is written, as its images do not say where they lie/;
    const single = run(folder, "us.dcm", ...box);
    expect(single).toMatchObject({ status: 0, stderr: expect.stringMatching(said) as string });
    expect(readdirSync(join(folder, "out"))).toEqual(["us.json", "us_labels.nii.gz", "us_slices.png"]);
    expect(labels("us")).toContain(1);

    const asked = run(folder, "film.dcm", ...box);
    expect(asked).toMatchObject({ status: 2, stderr: expect.stringContaining("film.dcm: has 2 frames; expected --frame 0 to 1") as string }); // prettier-ignore
    const second = run(folder, "film.dcm", "--frame", "1", ...box, "--json");
    expect(second).toMatchObject({ status: 0, stderr: expect.stringContaining("its frames share a place") as string }); // prettier-ignore
    expect((JSON.parse(second.stdout) as { provenance: object }).provenance).toMatchObject({ frame: 1 });
    expect(labels("film")).toEqual(labels("us"));
    expect(run(folder, "film.dcm", "--frame", "0", ...box).status).toBe(0);
    expect(labels("film")).not.toEqual(labels("us"));
    const none = run(folder, "film.dcm", "--frame", "2", ...box);
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining("film.dcm: has no frame 2; expected 0..1") as string }); // prettier-ignore
  });

  const SERIES = join(ROOT, "..", "shared", "data", "dicom-series");
  if (!existsSync(SERIES)) console.warn("segmentVolume.test.ts: DICOM is skipped; it needs ../shared/data");
  test.skipIf(!existsSync(SERIES))("a DICOM series gives a segmentation object too", () => {
    const folder = temporaryFolder();
    const { status, stdout } = run(folder, SERIES, "--box", "95,255,190,350", "--slice", "3");
    expect(status).toBe(0);
    expect(stdout).toContain("as a DICOM segmentation");
    const segmentation = readFileSync(join(folder, "out", "dicom-series_labels.dcm"));
    expect(segmentation.subarray(128, 132).toString()).toBe("DICM");
    // Nothing of the patient is in the other files.
    expect(readFileSync(join(folder, "out", "dicom-series.json"), "utf8")).not.toMatch(/Patient/);
    // Where nothing is found there is nothing to refer to the images; the earlier object goes.
    const nothing = run(folder, SERIES, "--box", "2,2,6,6", "--slice", "3", "--crop", "0", "--json");
    expect(nothing.status).toBe(0);
    const { objects, files } = JSON.parse(nothing.stdout) as { objects: { voxels: number }[]; files: object };
    expect(objects[0].voxels).toBe(0);
    expect(Object.keys(files)).toEqual(["labels", "picture", "json"]);
    expect(existsSync(join(folder, "out", "dicom-series_labels.dcm"))).toBe(false);
  });
});
