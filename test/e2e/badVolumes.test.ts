import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { npzBytes } from "../../src/volume/npzWrite.js";
import { IMAGE, makeDicom, type Elements } from "../unit/volume/makeDicom.js";
import { makeNifti } from "../unit/volume/makeNifti.js";
import { medsam, ROOT, temporaryFolder } from "./medsam.js";

const DATA = join(ROOT, "..", "shared", "data", "dicom");
const SIZE = [12, 10, 4] as const;
const values = Uint8Array.from({ length: 480 }, (_, i) => (i * 7) % 200);
const place = [[-0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 4, 0]] as const; // prettier-ignore
const mirrored = [[0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 4, 0]] as const; // prettier-ignore
const nifti = (affine: typeof place | typeof mirrored) =>
  niftiLabelBytes({ size: SIZE, affine, data: values }, "v.nii");

/** Twelve floats, none of them a number. */
const notFinite = () => makeNifti({ dims: [3, 2, 2], datatype: 16, bytes: 48, values: (view, at) => { for (let i = 0; i < 12; i++) view.setFloat32(at + 4 * i, NaN, true); } }); // prettier-ignore
/** A slice of a DICOM series at a height in millimetres; of a patient who must not be named. */
const slice = (z: number, others: Elements = {}) =>
  makeDicom({ ...IMAGE, "00080018 UI": `1.2.3.4.${z}`, "00200032 DS": `0\\0\\${z}`, "00200037 DS": "1\\0\\0\\0\\1\\0", ...others }); // prettier-ignore

type Files = Readonly<Record<string, Uint8Array | string>>;

/** Runs a command in a folder with these files; it must fail with one line, and leave nothing. */
function refused(files: Files, args: readonly string[]): { status: number | null; message: string } {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const { status, stdout, stderr } = medsam([...args, "--out", "out"], folder);
  expect(stdout).toBe("");
  const lines = stderr.trim().split("\n");
  expect(lines.at(-1)).toMatch(/^medsam: /);
  expect(stderr).not.toMatch(/Secret|ID-12345|19700102|\n {4}at /);
  expect(existsSync(join(folder, "out"))).toBe(false);
  return { status, message: lines.at(-1)! };
}

const box = ["--box", "1,1,2,2", "--slice", "0"];

test.each([
  ["cut off", { "v.nii": nifti(place).subarray(0, 700) }, "v.nii", /v\.nii: is cut off: has 700 bytes/],
  ["absurd", { "v.nii": makeNifti({ dims: [8000, 8000, 30000], datatype: 4, bytes: 8, values: () => {} }) }, "v.nii", /v\.nii: 8000 x 8000 x 30000 voxels.*more than the limit/], // prettier-ignore
  ["absurd DICOM", { "a.dcm": makeDicom({ ...IMAGE, "00280010 US": [65535], "00280011 US": [65535] }) }, "a.dcm", /a\.dcm: 65535 x 65535 pixels are more than the limit/], // prettier-ignore
  ["not finite", { "v.nii": notFinite() }, "v.nii", /v\.nii: none of its values is a finite number/],
  ["mixed series", { "s/a.dcm": slice(0), "s/b.dcm": slice(3), "s/c.dcm": slice(0, { "0020000E UI": "1.9" }), "s/d.dcm": slice(3, { "0020000E UI": "1.9" }) }, "s", /s: has 2 DICOM series \(1: MR, 2 images.*; 2: MR, 2 images/], // prettier-ignore
  ["mixed sizes", { "s/a.dcm": slice(0), "s/b.dcm": slice(3, { "00280030 DS": "1\\1" }) }, "s", /b\.dcm: does not belong to the same volume as .*a\.dcm: PixelSpacing \(0028,0030\) is another/], // prettier-ignore
  ["no series", { "s/readme.txt": "nothing" }, "s", /s: has 0 DICOM series/],
  [
    "no pixels",
    { "a.dcm": makeDicom({ ...IMAGE, "7FE00010 OW": undefined }) },
    "a.dcm",
    /a\.dcm: has no PixelData \(7FE0,0010\)/,
  ],
  ["cut off DICOM", { "a.dcm": slice(0).subarray(0, -5) }, "a.dcm", /a\.dcm: is cut off: PixelData \(7FE0,0010\) has 7 of its 12 bytes/], // prettier-ignore
  ["no such file", {}, "gone.nii.gz", /gone\.nii\.gz: cannot be read/],
] as [string, Files, string, RegExp][])("segment-volume, %s", (_, files, path, message) => {
  const { status, message: said } = refused(files, ["segment-volume", path, ...box]);
  expect(said).toMatch(message);
  expect(status).toBe(1);
});

test("labels of another place, or another size, are no prompts", () => {
  const files = { "v.nii": nifti(place), "t.nii": nifti(mirrored), "u.nii": niftiLabelBytes({ size: [12, 10, 3], affine: place, data: values.subarray(0, 360) }, "u.nii") }; // prettier-ignore
  const from = (labels: string) => refused(files, ["segment-volume", "v.nii", "--prompts-from", labels]);
  expect(from("t.nii").message).toMatch(
    /t\.nii: labels lie elsewhere than the image: voxel \[11, 0, 0\] is 11\.00 mm away/,
  );
  expect(from("u.nii").message).toMatch(/u\.nii: labels have 12 x 10 x 3 voxels; the image has 12 x 10 x 4/);
});

test("without spacing there are no millimetres, and no invented ones", () => {
  const files = { "v.npz": npzBytes({ imgs: { shape: [4, 10, 12], data: values } }) };
  expect(refused(files, ["segment-volume", "v.npz", ...box, "--margin", "3mm", "--backend", "cpu"]).message).toMatch(/v\.npz: has no pixel spacing, so nothing can be said in mm/); // prettier-ignore
});

const skip = !existsSync(DATA);
if (skip) console.warn("badVolumes.test.ts: the files to refuse are skipped; they are in ../shared/data");
test.skipIf(skip).each([
  ["MR_truncated.dcm", /MR_truncated\.dcm: is cut off: PixelData \(7FE0,0010\) has 8130 of its 8192 bytes/],
  ["no_meta.dcm", /no_meta\.dcm: has no DICOM header/],
  ["rtstruct.dcm", /rtstruct\.dcm: has no .*PixelData \(7FE0,0010\).*Modality \(0008,0060\) is RTSTRUCT/],
])("%s is refused", (name, message) => {
  const folder = temporaryFolder();
  copyFileSync(join(DATA, name), join(folder, name));
  const { status, stderr } = medsam(["segment-volume", name, ...box], folder);
  expect(stderr.trim()).toMatch(message);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(status).toBe(1);
  expect(existsSync(join(folder, "out"))).toBe(false);
});
