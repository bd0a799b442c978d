import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dice } from "../../../src/evaluate/overlap.js";
import { readNpzLabels } from "../../../src/volume/npzVolume.js";
import { npzBytes } from "../../../src/volume/npzWrite.js";
import { medsam } from "../../e2e/medsam.js";
import { readReference } from "../fixture.js";
import { cached, missing, python } from "./python.js";

/** Sides unlike each other, and unlike the model's. */
const [WIDTH, HEIGHT, COUNT] = [90, 70, 4];
const KEY = 1;

/** A bright ball that moves through waves. */
const imgs = Uint8Array.from({ length: WIDTH * HEIGHT * COUNT }, (_, i) => {
  const [x, y, z] = [i % WIDTH, Math.floor(i / WIDTH) % HEIGHT, Math.floor(i / WIDTH / HEIGHT)];
  const ball = Math.hypot(x - 40 - 3 * z, y - 30, 6 * (z - 2)) < 18 ? 120 : 0;
  return 70 + ball + 25 * Math.sin(x / 9 + z) * Math.cos(y / 7) + ((7 * x + 13 * y) % 11);
});

interface Document {
  readonly objects: readonly {
    readonly slices: readonly { readonly slice: number; readonly objectScore: number }[];
  }[];
  readonly provenance: object;
}

// The command line is the built one.
describe.skipIf(missing(false) !== undefined)("MedSAM2's scripts for volumes beside PyTorch", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "medsam2-volume-"));
    writeFileSync(join(folder, "ct.npz"), npzBytes({ imgs: { shape: [COUNT, HEIGHT, WIDTH], data: imgs } }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["medsam2_infer_3D_CT", 512, { box: "20,12,62,50" }],
    ["medsam2_infer_CT_lesion_npz_recist", 256, { point: "43,30" }],
  ] as const)("%s at %i gives PyTorch's volume", { timeout: 600_000 }, (preset, size, prompt) => {
    const checkpoint = cached("medsam2.pt", (path) => python("sam2_model.py", "--seeded-weights", path));
    const [[kind, place]] = Object.entries(prompt);
    const out = join(folder, "masks.safetensors");
    const volume = join(folder, "ct.npz");
    const asked = ["--slice", String(KEY), kind === "box" ? "--box" : "--click", place];
    python("medsam2_volume.py", "--checkpoint", checkpoint, "--volume", volume, ...asked, "--image-size", String(size), "--out", out); // prettier-ignore
    const { tensors } = readReference(out);
    const theirs = Uint8Array.from(tensors.get("masks")!.values);

    const options = [
      "--slice",
      String(KEY),
      `--${kind}`,
      place,
      "--preset",
      preset,
      "--image-size",
      String(size),
    ];
    const { status, stdout, stderr } = medsam(["segment-volume", volume, ...options, "--checkpoint", checkpoint, "--out", folder, "--json"], folder); // prettier-ignore
    expect(status, stderr).toBe(0);
    const bytes = readFileSync(join(folder, "ct_labels.npz"));
    const ours = Uint8Array.from(readNpzLabels(bytes, "labels").data);
    const area = WIDTH * HEIGHT;
    for (let slice = 0; slice < COUNT; slice++) {
      const part = (all: Uint8Array) => ({
        size: [WIDTH, HEIGHT, 1] as const,
        data: all.subarray(slice * area, (slice + 1) * area),
      });
      expect(dice(part(theirs), part(ours)), `slice ${slice}`).toBeGreaterThanOrEqual(0.999);
    }
    const found = theirs.filter((value) => value > 0).length;
    expect(found).toBeGreaterThan(500);
    expect(found).toBeLessThan(0.9 * theirs.length);

    const { objects, provenance } = JSON.parse(stdout) as Document;
    expect(provenance).toMatchObject({ preset, imageSize: size, follow: "memory" });
    const scores = tensors.get("scores")!.values;
    const { slices } = objects[0];
    expect(slices.map(({ slice }) => slice)).toEqual([0, 1, 2, 3]);
    for (const { slice, objectScore } of slices)
      expect(Math.abs(objectScore - scores[slice])).toBeLessThan(0.01);
  });
});
