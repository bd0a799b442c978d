import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLabelFile } from "../../src/image/decode.node.js";
import { encodePng } from "../../src/image/encode.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import { slice } from "../unit/volume/makeDicom.js";
import { medsam, ROOT, SAMPLE } from "./medsam.js";
import { medSam2 } from "./sam2Weights.js";

/** Columns, rows and slices of the volumes, and the box that the pages draw around the object in slice 40. */
const SIZE = [200, 360, 54] as const;
const [X0, Y0, X1, Y1] = [95, 255, 190, 350];

/** A bright ellipsoid in the box, in slices 39 to 41. */
const inObject = (x: number, y: number, z: number) =>
  ((2 * x - X0 - X1) / (X1 - X0)) ** 2 + ((2 * y - Y0 - Y1) / (Y1 - Y0)) ** 2 + ((z - 40) / 1.8) ** 2 < 0.8;

/** Values of the volume: of the object, of a bright column beside it in all slices, and of the rest. */
function voxels(object: number, column: number, rest: number): Uint8Array<ArrayBuffer> {
  const [width, height, depth] = SIZE;
  const data = new Uint8Array(width * height * depth).fill(rest);
  for (let i = 0; i < data.length; i++) {
    const [x, y, z] = [i % width, Math.floor(i / width) % height, Math.floor(i / width / height)];
    if (inObject(x, y, z)) data[i] = object;
    else if (x < 20) data[i] = column;
  }
  return data;
}

/**
 * A folder as a reader has it: the package installed, the sample where a clone has it, and stand-ins for the reader's own
 * files that the pages name. The small checkpoint stands in for MedSAM's: both are told by their content.
 */
export async function readersFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "medsam-docs-"));
  const put = (...path: string[]) => join(folder, ...path);
  mkdirSync(put("node_modules"));
  symlinkSync(ROOT, put("node_modules", "medsam-tfjs"), "junction");
  symlinkSync(join(ROOT, "node_modules", "@tensorflow"), put("node_modules", "@tensorflow"), "junction");
  for (const name of ["examples", "models"]) cpSync(join(ROOT, name), put(name), { recursive: true });
  for (const name of ["slice.png", "ct.png"]) cpSync(SAMPLE, put(name));
  for (const name of ["medsam_vit_b.pth", "medsam_tiny.pth"])
    cpSync(join(ROOT, "models", "medsam-tiny.safetensors"), put(name));
  saveSafetensors(put("MedSAM2_latest.pt"), medSam2(5));

  const geometry = { size: SIZE, affine: [[0.8, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, 3, 0]] } as const; // prettier-ignore
  const image = voxels(180, 200, 60);
  const files = { "ct.nii.gz": image, "truth.nii.gz": voxels(1, 0, 0) };
  for (const [name, data] of Object.entries(files))
    writeFileSync(put(name), niftiLabelBytes({ ...geometry, data }, name));
  mkdirSync(put("series"));
  const [columns, rows, slices] = SIZE;
  for (let z = 0; z < slices; z++) {
    const values = Uint16Array.from(image.subarray(z * columns * rows, (z + 1) * columns * rows));
    const size = { "00280010 US": [rows], "00280011 US": [columns] };
    const pixels = { "7FE00010 OW": new Uint8Array(values.buffer) };
    writeFileSync(put("series", `${z}.dcm`), slice(z + 1, 3 * z, { ...size, ...pixels }));
  }

  // Pictures with their truth, and predictions of two runs: the truth moved to the right.
  medsam(["synthesize", "--out", "data", "--count", "4", "--size", "64"], folder);
  cpSync(put("data", "images"), put("images"), { recursive: true });
  cpSync(put("data", "labels"), put("truth"), { recursive: true });
  for (const [name, columns] of [
    ["masks", 1],
    ["worse", 2],
  ] as const) {
    mkdirSync(put(name));
    for (const file of readdirSync(put("truth"))) {
      const labels = await readLabelFile(put("truth", file));
      const data = labels.data.map((_, i, all) => (i % labels.width < columns ? 0 : all[i - columns]));
      writeFileSync(put(name, file), encodePng({ ...labels, channels: 1, data }));
    }
  }
  medsam(["evaluate", "worse", "truth", "--out", "baseline"], folder);
  const cases = readdirSync(put("truth")).map((file) => `truth/${file},masks/${file}`);
  writeFileSync(put("cases.csv"), ["truth,prediction", ...cases, ""].join("\n"));
  return folder;
}
