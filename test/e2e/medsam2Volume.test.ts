import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

describe("medsam segment-volume with MedSAM2's weights", () => {
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

  test("weights of the wrong family and weights with NaN are said to be so", () => {
    const image = medsam(["segment", SAMPLE, "--box", "1,1,9,9", "--checkpoint", "medsam2.safetensors", "--out", "image"], folder); // prettier-ignore
    expect(image).toMatchObject({ status: 1, stderr: expect.stringMatching(/holds weights of SAM 2\.1 or MedSAM2; expected those of/) as string }); // prettier-ignore
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
