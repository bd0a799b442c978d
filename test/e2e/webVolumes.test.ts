import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync, zlibSync } from "fflate";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeNifti } from "../unit/volume/makeNifti.js";
import { bundleForPage, servePageWith } from "./pageScript.js";
import type * as InPage from "./volumesInPage.js";
import { describeFiles } from "./volumesInPage.js";
import { PAGE_CAN_RUN, pageFixture, SHARED_DATA } from "./webPage.js";

const SHORTS = Int16Array.from({ length: 24 }, (_, i) => 10 * i - 100);
const values = new Uint8Array(SHORTS.buffer);
const nrrd = (encoding: string, more = "") =>
  Buffer.from(`NRRD0005\ntype: short\ndimension: 3\nsizes: 2 3 4\nendian: little\nencoding: ${encoding}\nspace: LPS\nspace directions: (2,0,0) (0,2.5,0) (0,0,3)\nspace origin: (5,6,7)\n${more}\n`); // prettier-ignore
const meta = (file: string, compressed = "False") =>
  Buffer.from(`ObjectType = Image\nNDims = 3\nCompressedData = ${compressed}\nOffset = 5 6 7\nElementSpacing = 2 2.5 3\nDimSize = 2 3 4\nElementType = MET_SHORT\nElementDataFile = ${file}\n`); // prettier-ignore
const pair = makeNifti({ dims: [2, 3, 4], datatype: 4, magic: "ni1\0", bytes: 48, values: (view, at) => new Uint8Array(view.buffer).set(values, at) }); // prettier-ignore
const MADE: Readonly<Record<string, Uint8Array>> = {
  "raw.nrrd": Buffer.concat([nrrd("raw"), values]),
  "packed.nrrd": Buffer.concat([nrrd("gzip"), gzipSync(values)]),
  "raw.mha": Buffer.concat([meta("LOCAL"), values]),
  "packed.mha": Buffer.concat([meta("LOCAL", "True"), zlibSync(values)]),
  ...{ "a.nhdr": nrrd("raw", "data file: a.raw\n"), "a.raw": values },
  ...{ "b.mhd": meta("b.raw"), "b.raw": values },
  // The voxels of a pair begin where the header says, here as in a file of one part.
  ...{ "c.hdr": pair.slice(0, 348), "c.img": Buffer.concat([new Uint8Array(352), values]) },
};

const REFUSED = ["MR_truncated.dcm", "no_meta.dcm", "rtstruct.dcm"];
/** What must be readable as labels, too. */
const LABELS = ["lab_nibabel_autoscaled.nii.gz", "lab_nibabel_autoscaled_u8.nii.gz", "small_qform_labels.nii.gz", "evaluate_negative_pixdim3.nii"]; // prettier-ignore
if (PAGE_CAN_RUN && !existsSync(SHARED_DATA))
  console.warn("webVolumes.test.ts is skipped; it needs ../shared/data");

// Node's own readers are held to pydicom and nibabel, voxel by voxel, in test/parity/live/volumes.test.ts.
describe.skipIf(!PAGE_CAN_RUN || !existsSync(SHARED_DATA))("volumes are read in Chromium as in Node", () => {
  const site = pageFixture();
  const inFolder = (part: string) => readdirSync(join(SHARED_DATA, part)).map((name) => join(part, name));
  const files = ["dicom", "dicom-series", "nifti", "faults/nifti", "faults/dicom"].flatMap(inFolder);
  const series = ["dicom-series", ...inFolder("faults/series")];
  const beside = [["a.nhdr", "a.raw"], ["b.mhd", "b.raw"], ["c.hdr", "c.img"]]; // prettier-ignore
  const alone = Object.keys(MADE).filter((name) => !beside.flat().includes(name));
  const cases = [
    ...[...files, ...alone].map((path) => [path, [path]] as const),
    ...beside.map((names) => [names.join(" and "), names] as const),
    ...series.map((path) => [`${path}, all of it`, inFolder(path)] as const),
  ];
  const bytesOf = (path: string) => MADE[path] ?? readFileSync(join(SHARED_DATA, path));
  let page: Page;
  beforeAll(async () => {
    page = await (await site.context()).newPage();
    await servePageWith(page, `${site.address}volumes/`, await bundleForPage("volumesInPage.ts"));
    await page.route(`${site.address}volumes/data/**`, (route) => {
      const path = decodeURIComponent(basename(new URL(route.request().url()).pathname));
      return route.fulfill({ contentType: "application/octet-stream", body: Buffer.from(bytesOf(path)) });
    });
    await page.goto(`${site.address}volumes/`);
  });
  afterAll(() => page?.context().close());

  test("there are all files of the folder", () => {
    expect(cases.length).toBeGreaterThanOrEqual(25 + 6 + 7 + 8 + 14 + 1 + 8 + 4 + 3);
  });

  test.each(cases)("%s", async (name, paths) => {
    const here = await describeFiles(
      paths.map((path) => ({ name: path, bytes: new Uint8Array(bytesOf(path)) })),
    );
    const there = await page.evaluate(
      (names) => (globalThis as unknown as { parity: typeof InPage }).parity.describeFetched(names),
      paths,
    );
    expect(typeof here === "string", JSON.stringify(here)).toBe(REFUSED.includes(basename(name)));
    expect(there).toEqual(here);
    if (LABELS.includes(basename(name))) expect(here).toHaveProperty("labels", expect.stringMatching(/^[0-9a-f]{64}$/)); // prettier-ignore
  });
});
