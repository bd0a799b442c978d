import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { IMAGE, makeDicom, type Elements } from "../unit/volume/makeDicom.js";
import { medsam, temporaryFolder } from "./medsam.js";

const SIDE = 32;
const SLICES = 3;
/** Of a patient, a physician and a hospital that must not be named. */
const SECRETS = [
  "Secret",
  "ID-12345",
  "19700102",
  "ACC-777",
  "Dr^Nobody",
  "Hospital of Nowhere",
  "OTHER-ID-9",
];

/** A bright disc on dark, in three slices. */
function slice(z: number, others: Elements = {}): Uint8Array {
  const pixels = Uint16Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    return (x - 15) ** 2 + (y - 17) ** 2 < 64 ? 900 : 100 + ((7 * x + 3 * y) % 40);
  });
  return makeDicom({
    ...IMAGE,
    "00080018 UI": `1.2.3.4.${z}`,
    "00080050 SH": "ACC-777",
    "00080080 LO": "Hospital of Nowhere",
    "00080090 PN": "Dr^Nobody",
    "00101000 LO": "OTHER-ID-9",
    "00200032 DS": `0\\0\\${2 * z}`,
    "00200037 DS": "1\\0\\0\\0\\1\\0",
    "00280010 US": [SIDE],
    "00280011 US": [SIDE],
    "7FE00010 OW": new Uint8Array(pixels.buffer),
    ...others,
  });
}

/** All files below a folder, by their paths in it. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const textOf = (file: string): string => {
  const bytes = readFileSync(file);
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("latin1");
};

test("what is written of a DICOM series names nobody", { timeout: 300_000 }, () => {
  const folder = temporaryFolder();
  const series = join(folder, "series");
  // Where a folder is named after the patient, that name stays there too.
  const named = join(folder, "Secret");
  mkdirSync(series);
  mkdirSync(named);
  for (let z = 0; z < SLICES; z++) writeFileSync(join(series, `${z}.dcm`), slice(z));
  writeFileSync(join(named, "us.dcm"), slice(0, { "00080060 CS": "US", "00200032 DS": undefined }));
  expect(SECRETS.filter((secret) => textOf(join(series, "0.dcm")).includes(secret))).toEqual(SECRETS);
  writeFileSync(
    join(folder, "cases.csv"),
    "image,x0,y0,x1,y1,slice\nseries,6,8,24,26,1\nseries/1.dcm,6,8,24,26,0\n",
  );

  const box = ["--box", "6,8,24,26"];
  const said = [
    [
      "segment-volume",
      "series",
      ...box,
      "--slice",
      "1",
      "--cache",
      "written/cache",
      "--out",
      "written/volume",
    ],
    ["segment-volume", "series", ...box, "--slice", "1", "--json", "--out", "written/json"],
    ["segment-volume", "series/1.dcm", ...box, "--out", "written/slice"],
    ["segment-volume", "Secret/us.dcm", ...box, "--out", "written/us"],
    ["batch", "cases.csv", "--workers", "1", "--out", "written/batch"],
  ].map((args) => {
    const { status, stdout, stderr } = medsam(args, folder);
    expect(status, stderr).toBe(0);
    // The terminal shows the paths as they were typed.
    return (stdout + stderr).replaceAll("Secret/us.dcm", "");
  });
  // The result as ground truth of itself: a segmentation object, which carries the patient as the standard asks.
  mkdirSync(join(folder, "truth"));
  cpSync(join(folder, "written/volume/series_labels.dcm"), join(folder, "truth/series.dcm"));
  writeFileSync(
    join(folder, "evaluate.csv"),
    "case,image,truth,prediction\ns,series,truth/series.dcm,written/volume/series_labels.nii.gz\n",
  );
  const evaluated = medsam(["evaluate", "evaluate.csv", "--out", "written/evaluated"], folder);
  expect(evaluated.status, evaluated.stderr).toBe(0);
  said.push(evaluated.stdout + evaluated.stderr);

  const written = filesIn(join(folder, "written"));
  const names = written.map((file) => file.slice(folder.length));
  for (const kind of ["_labels.nii.gz", "_labels.dcm", "_slices.png", ".json", ".jsonl", ".html", ".csv"])
    expect(names.filter((name) => name.endsWith(kind)).length, kind).toBeGreaterThan(0);
  expect(names.some((name) => name.startsWith("/written/cache/"))).toBe(true);
  for (const [n, file] of written.entries())
    if (!file.endsWith(".dcm"))
      expect([names[n], ...SECRETS.filter((secret) => textOf(file).includes(secret))]).toEqual([names[n]]);
  expect(SECRETS.filter((secret) => said.join("").includes(secret))).toEqual([]);
  // The scan would find a name: the objects for the hospital's archive have it.
  const objects = written.filter((file) => file.endsWith(".dcm"));
  for (const object of objects) expect(textOf(object)).toContain("Secret^Name");
});
