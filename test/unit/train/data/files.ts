import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { dump } from "npyjs";
import { onTestFinished } from "vitest";
import { encodePng } from "../../../../src/image/encode.js";
import type { NumberArray } from "../../../../src/image/pixels.js";
import type { Affine } from "../../../../src/volume/affine.js";
import { niftiLabelBytes } from "../../../../src/volume/niftiWrite.js";
import { npzBytes } from "../../../../src/volume/npzWrite.js";
import { makeNifti } from "../../volume/makeNifti.js";

export const SIDE = 12;

/** Grey values from 0 on, row by row. */
export const GREY = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => i);

/** A map with label 1 in columns 1 to 4 of rows 2 to 5, and label 2 in two pieces below. */
export const LABELS = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
  const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
  if (x >= 1 && x <= 4 && y >= 2 && y <= 5) return 1;
  return y >= 8 && y <= 10 && (x <= 3 || x >= 7) ? 2 : 0;
});

export const pngOf = (data: Uint8Array | Uint16Array, width = SIDE, height = SIDE): Uint8Array =>
  encodePng({ width, height, channels: 1, data });

export const npyOf = (data: NumberArray, shape: readonly number[]): Uint8Array =>
  new Uint8Array(dump(data, [...shape]));

/** A volume of `depth` slices and its labels: only slice 1 has any. */
export function volumeParts(depth = 3) {
  const values = Float32Array.from({ length: depth * SIDE * SIDE }, (_, i) => i - 1000);
  const labels = new Uint8Array(depth * SIDE * SIDE);
  labels.set(LABELS, SIDE * SIDE);
  return { values, labels, depth };
}

export const npzOf = (depth = 3): Uint8Array => {
  const { labels } = volumeParts(depth);
  const imgs = Uint8Array.from(labels, (_, i) => i % 256);
  const shape = [depth, SIDE, SIDE];
  return npzBytes({ imgs: { shape, data: imgs }, gts: { shape, data: labels } });
};

/** An image and its labels as NIfTI, the former in Hounsfield units from -1000 on. */
export function niftiPair(): { image: Uint8Array; labels: Uint8Array } {
  const { values, labels, depth } = volumeParts();
  const affine: Affine = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]; // prettier-ignore
  const image = makeNifti({
    dims: [SIDE, SIDE, depth],
    datatype: 16,
    sform: { code: 1, rows: affine },
    units: 2,
    bytes: 4 * values.length,
    values: (view, at, le) => values.forEach((value, i) => view.setFloat32(at + 4 * i, value, le)),
  });
  const grid = { size: [SIDE, SIDE, depth], pixelSpacing: [1, 1], sliceSpacing: 1, affine } as const;
  return { image, labels: niftiLabelBytes({ ...grid, data: labels }, "labels.nii") };
}

/** A folder with these files, removed after the test. */
export function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-data-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
