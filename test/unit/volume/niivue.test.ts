import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NVImage } from "@niivue/niivue";
import { describe, expect, test } from "vitest";
import { transform, type Affine } from "../../../src/volume/affine.js";
import { gridOf } from "../../../src/volume/labels.js";
import { niftiLabelBytes } from "../../../src/volume/niftiWrite.js";
import { readVolumeFile } from "../../../src/volume/read.node.js";
import type { Grid, LabelVolume } from "../../../src/volume/volume.js";

/** Sample files; see `../shared/data` beside the project. */
const DATA = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));
if (!existsSync(DATA)) console.warn("niivue.test.ts: real volumes are skipped; they need ../shared/data");

/** Loads as the viewer does. */
async function shown(bytes: Uint8Array, name: string): Promise<NVImage> {
  return await NVImage.loadFromUrl({ url: name, name, buffer: Uint8Array.from(bytes).buffer });
}

/** A block in the corner of low indices: another place for every way of mirroring or swapping axes. */
function asymmetric(grid: Grid): LabelVolume {
  const [width, height, depth] = grid.size;
  const data = new Uint8Array(width * height * depth);
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) if (x < width / 4 && y < height / 3 && z <= depth / 3) data[i] = 1;
  return { ...gridOf(grid), data };
}

/** The middle of the labelled voxels, in the patient. */
function middleOf({ size: [width, height], data, affine }: LabelVolume): number[] {
  const places = [...data.entries()]
    .filter(([, label]) => label !== 0)
    .map(([i]) => transform(affine!, [i % width, Math.floor(i / width) % height, Math.floor(i / width / height)])); // prettier-ignore
  return [0, 1, 2].map((axis) => places.reduce((sum, at) => sum + at[axis], 0) / places.length);
}

/** The same where NiiVue draws them: it turns every volume to RAS first. */
function middleShown(image: NVImage): number[] {
  const [, width, height, depth] = image.dimsRAS!;
  const sum = [0, 0, 0];
  let count = 0;
  for (let z = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        if (image.getValue(x, y, z) === 0) continue;
        count++;
        const at = image.vox2mm([x, y, z], image.matRAS!);
        sum.forEach((_, axis) => (sum[axis] += at[axis]));
      }
  return sum.map((total) => total / count);
}

async function expectSamePlace(source: Grid, name: string): Promise<void> {
  const labels = asymmetric(source);
  const image = await shown(niftiLabelBytes(labels, name), name);
  expect(image.hdr!.dims.slice(1, 4)).toEqual(labels.size);
  const rows = [...labels.affine!, [0, 0, 0, 1]];
  image.hdr!.affine.flat().forEach((value, i) => expect(value).toBeCloseTo(rows.flat()[i], 4));
  const middle = middleOf(labels);
  middleShown(image).forEach((place, axis) => expect(place).toBeCloseTo(middle[axis], 2));
}

const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
const AFFINES: Record<string, Affine> = {
  RAS: [[0.8, 0, 0, -20], [0, 0.9, 0, 5], [0, 0, 3, 40]], // prettier-ignore
  LAS: [[-0.8, 0, 0, 30], [0, 0.9, 0, 5], [0, 0, 3, 40]], // prettier-ignore
  "columns and rows swapped": [[0, -0.9, 0, 30], [0.8, 0, 0, 5], [0, 0, -3, 40]], // prettier-ignore
  oblique: [[0.8 * c, 0, -3 * s, 12], [0, 0.9, 0, -7], [0.8 * s, 0, 3 * c, 40]], // prettier-ignore
};

describe("NiiVue shows labels where they lie", () => {
  test.each(Object.entries(AFFINES))("%s", async (name, affine) => {
    const pixelSpacing = [0.8, 0.9] as const;
    await expectSamePlace({ size: [24, 20, 9], affine, pixelSpacing, sliceSpacing: 3 }, `${name}.nii.gz`);
  });

  const files = existsSync(DATA) ? readdirSync(`${DATA}nifti`).map((name) => `nifti/${name}`) : [];
  test.skipIf(files.length === 0).each([...files, "dicom-series"])("%s", async (file) => {
    await expectSamePlace(await readVolumeFile(`${DATA}${file}`), "labels.nii.gz");
  });

  test.skipIf(files.length === 0).each(files)("%s: where NiiVue has its source", async (file) => {
    const source = await readVolumeFile(`${DATA}${file}`);
    const image = await shown(new Uint8Array(readFileSync(`${DATA}${file}`)), file);
    image
      .hdr!.affine.slice(0, 3)
      .flat()
      .forEach((value, i) => expect(source.affine!.flat()[i]).toBeCloseTo(value, 4));
  });
});
