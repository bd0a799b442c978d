import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNpzLabels } from "../../src/volume/npzVolume.js";
import { npzBytes } from "../../src/volume/npzWrite.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import { EMBEDDED_CHECKPOINT } from "../../src/loadMedSam.node.js";
import { ENV, MAIN, medsam, SAMPLE } from "./medsam.js";
import { medSam2 } from "./sam2Weights.js";

const [WIDTH, HEIGHT] = [40, 30];

interface Document {
  readonly objects: readonly {
    readonly label: number;
    readonly voxels: number;
    readonly slices: readonly {
      readonly slice: number;
      readonly pixels: number;
      readonly objectScore?: number;
    }[];
  }[];
  readonly provenance: Readonly<Record<string, unknown>>;
}

describe("MedSAM2's weights on the command line", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "medsam2-"));
    saveSafetensors(join(folder, "medsam2.safetensors"), medSam2(5));
    for (const [name, count] of [
      ["short", 3],
      ["long", 150],
    ] as const) {
      // prettier-ignore
      const data = Uint8Array.from({ length: WIDTH * HEIGHT * count }, (_, i) => (37 * i + (i % 1009)) % 251);
      writeFileSync(join(folder, `${name}.npz`), npzBytes({ imgs: { shape: [count, HEIGHT, WIDTH], data } }));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const options = (...args: string[]) => ["segment-volume", "--checkpoint", "medsam2.safetensors", "--image-size", "64", ...args]; // prettier-ignore
  const run = (...args: string[]) => medsam(options(...args, "--json"), folder);

  test("two objects from boxes are followed by memory; each slice says whether they are there", () => {
    const { status, stdout, stderr } = run("short.npz", "--box", "5,4,20,21", "--box", "22,8,33,25", "--slice", "1", "--out", "boxes"); // prettier-ignore
    expect(status, stderr).toBe(0);
    const { objects, provenance } = JSON.parse(stdout) as Document;
    expect(provenance).toMatchObject({ follow: "memory", preset: "medsam2_infer_3D_CT", imageSize: 64 });
    expect(provenance).not.toHaveProperty("margin");
    expect(objects.map(({ label }) => label)).toEqual([1, 2]);
    for (const { slices } of objects) {
      expect(slices.map(({ slice }) => slice)).toEqual([0, 1, 2]);
      for (const { objectScore } of slices) expect(objectScore).toBeGreaterThan(0);
    }
    expect(existsSync(join(folder, "boxes", "short_slices.png"))).toBe(true);
  });

  test("where objects are absent, masks are empty", () => {
    saveSafetensors(join(folder, "absent.safetensors"), medSam2(-5));
    const { status, stdout, stderr } = run("short.npz", "--point", "12,11", "--slice", "0", "--checkpoint", "absent.safetensors", "--out", "absent"); // prettier-ignore
    expect(status, stderr).toBe(0);
    const { objects } = JSON.parse(stdout) as Document;
    for (const { pixels, objectScore } of objects[0].slices) {
      expect(objectScore).toBeLessThan(0);
      expect(pixels).toBe(0);
    }
    const labels = readNpzLabels(readFileSync(join(folder, "absent", "short_labels.npz")), "labels");
    expect(labels.data.every((label) => label === 0)).toBe(true);
  });

  test("--follow box goes slice by slice, as with MedSAM", () => {
    const { status, stdout, stderr } = run("short.npz", "--recist", "5,4,20,21", "--slice", "1", "--follow", "box", "--out", "by-box"); // prettier-ignore
    expect(status, stderr).toBe(0);
    const { provenance } = JSON.parse(stdout) as Document;
    expect(provenance).toMatchObject({ follow: "box", preset: "SAM2ImagePredictor", margin: 0.05, crop: 0 });
  });

  test.each([
    [["--follow", "memory", "--checkpoint", EMBEDDED_CHECKPOINT], 2, /--follow memory needs weights with a memory, MedSAM2's or SAM 2\.1's; these are of SAM/], // prettier-ignore
    [["--checkpoint", "medsam2.safetensors", "--image-size", "50"], 1, /image size 50; expected a multiple of 32/], // prettier-ignore
    [["--checkpoint", EMBEDDED_CHECKPOINT, "--image-size", "64"], 1, /image size 64: weights of SAM.* are made for one size/], // prettier-ignore
  ])("what cannot be is refused in a line, and writes nothing: %#", (args, code, message) => {
    const { status, stderr } = medsam(["segment-volume", "short.npz", "--box", "5,4,20,21", "--slice", "1", ...args, "--out", "refused"], folder); // prettier-ignore
    expect(stderr.trim().split("\n").at(-1)).toMatch(message);
    expect(status).toBe(code);
    expect(existsSync(join(folder, "refused"))).toBe(false);
  });

  test("medsam segment takes them for images, and says how to make the masks again", () => {
    const image = ["segment", SAMPLE, "--box", "114,205,186,275", "--checkpoint", "medsam2.safetensors"];
    const { status, stdout, stderr } = medsam([...image, "--image-size", "64", "--multimask", "--out", "image", "--json"], folder); // prettier-ignore
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [{ provenance }] = (JSON.parse(stdout) as { results: readonly Document[] }).results;
    expect(provenance).toMatchObject({ preset: "SAM2ImagePredictor", imageSize: 64, crop: 0 });
    expect(provenance["command"]).toBe(
      "medsam segment sample.png --box 114,205,186,275 --image-size 64 --checkpoint medsam2.safetensors " +
        "--preset SAM2ImagePredictor --crop 0 --backend wasm --multimask",
    );
  });

  test("medsam batch does images and volumes, and what it finds in a volume is what segment-volume finds", () => {
    cpSync(SAMPLE, join(folder, "sample.png"));
    const rows = ["image,x0,y0,x1,y1,slice", "sample.png,114,205,186,275,", "short.npz,5,4,20,21,1"];
    writeFileSync(join(folder, "cases.csv"), rows.join("\n"));
    const batch = (...args: string[]) => medsam(["batch", "cases.csv", "--checkpoint", "medsam2.safetensors", "--workers", "1", "--json", ...args], folder); // prettier-ignore
    const preset = ["--image-size", "64", "--preset", "medsam2_infer_CT_lesion_npz_recist"];
    const { status, stdout, stderr } = batch(...preset, "--out", "many");
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ cases: 2, done: 2, failed: [] });
    const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Document;
    const found = read(join("many", "cases", "short.json"));
    expect(found.provenance).toMatchObject({ follow: "memory", preset: preset.at(-1), imageSize: 64 });
    const again = (found.provenance["command"] as string).split(" ").slice(1);
    expect(medsam(again, folder)).toMatchObject({ status: 0 });
    expect(read(join("again", "cases", "short.json")).objects).toEqual(found.objects);
    expect(read(join("many", "cases", "sample.json")).provenance).toMatchObject({ imageSize: 64 });
    expect(run("short.npz", "--box", "5,4,20,21", "--slice", "1", ...preset, "--out", "one").status).toBe(0);
    expect(found.objects).toEqual(read(join("one", "short.json")).objects);

    const boxes = batch("--image-size", "64", "--follow", "box", "--out", "by-boxes");
    expect(boxes.status, boxes.stderr).toBe(0);
    expect(read(join("by-boxes", "cases", "short.json")).provenance).toMatchObject({ follow: "box", margin: 0.05 }); // prettier-ignore
    for (const [args, message] of [
      [["--crop", "2"], /^medsam: --crop goes with --follow box/],
      [["--image-size", "50"], /^medsam: --image-size: image size 50; expected a multiple of 32/],
      [["--checkpoint", EMBEDDED_CHECKPOINT, "--follow", "memory"], /--follow memory needs weights with a memory/], // prettier-ignore
    ] as const) {
      const refused = batch(...args, "--out", "refused");
      expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(message) as string });
      expect(existsSync(join(folder, "refused"))).toBe(false);
    }
  });

  test("weights with NaN are said to be so", () => {
    saveSafetensors(join(folder, "nan.safetensors"), medSam2(NaN));
    const { status, stderr } = run("short.npz", "--box", "5,4,20,21", "--slice", "1", "--checkpoint", "nan.safetensors", "--out", "nan"); // prettier-ignore
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^medsam: the model gives values that are not numbers \(NaN\): its weights or the frame have some.*$/); // prettier-ignore
    expect(status).toBe(1);
    expect(existsSync(join(folder, "nan"))).toBe(false);
  });

  test.skipIf(process.platform === "win32").each(["SIGINT", "SIGKILL"] as const)(
    "%s in the middle of a volume leaves no file",
    async (signal) => {
      const args = options("long.npz", "--box", "5,4,20,21", "--slice", "70", "--out", "stopped");
      const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: ENV });
      let stderr = "";
      const ended = once(child, "exit");
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
        if (/\d % \| segmenting/.test(stderr) && !child.killed) child.kill(signal);
      });
      expect(await ended).toEqual(signal === "SIGINT" ? [130, null] : [null, "SIGKILL"]);
      expect(existsSync(join(folder, "stopped"))).toBe(false);
    },
  );
});
