import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleForPage, servePageWith } from "./pageScript.js";
import type * as InPage from "./volumesInPage.js";
import { describeFiles } from "./volumesInPage.js";
import { PAGE_CAN_RUN, pageFixture, SHARED_DATA } from "./webPage.js";

const REFUSED = ["MR_truncated.dcm", "no_meta.dcm", "rtstruct.dcm"];
if (PAGE_CAN_RUN && !existsSync(SHARED_DATA))
  console.warn("webVolumes.test.ts is skipped; it needs ../shared/data");

// Node's own readers are held to pydicom and nibabel, voxel by voxel, in test/parity/live/volumes.test.ts.
describe.skipIf(!PAGE_CAN_RUN || !existsSync(SHARED_DATA))("volumes are read in Chromium as in Node", () => {
  const site = pageFixture();
  const inFolder = (part: string) => readdirSync(join(SHARED_DATA, part)).map((name) => join(part, name));
  const files = ["dicom", "dicom-series", "nifti", "faults/nifti", "faults/dicom"].flatMap(inFolder);
  const series = ["dicom-series", ...inFolder("faults/series")];
  const cases = [...files.map((path) => [path, [path]] as const), ...series.map((path) => [`${path}, all of it`, inFolder(path)] as const)]; // prettier-ignore
  let page: Page;
  beforeAll(async () => {
    page = await (await site.context()).newPage();
    await servePageWith(page, `${site.address}volumes/`, await bundleForPage("volumesInPage.ts"));
    await page.route(`${site.address}volumes/data/**`, (route) => {
      const path = decodeURIComponent(basename(new URL(route.request().url()).pathname));
      return route.fulfill({
        contentType: "application/octet-stream",
        body: readFileSync(join(SHARED_DATA, path)),
      });
    });
    await page.goto(`${site.address}volumes/`);
  });
  afterAll(() => page?.context().close());

  test("there are all files of the folder", () => {
    expect(cases.length).toBeGreaterThanOrEqual(25 + 6 + 7 + 8 + 14 + 1 + 8);
  });

  test.each(cases)("%s", async (name, paths) => {
    const here = await describeFiles(paths.map((path) => ({ name: path, bytes: new Uint8Array(readFileSync(join(SHARED_DATA, path))) }))); // prettier-ignore
    const there = await page.evaluate(
      (names) => (globalThis as unknown as { parity: typeof InPage }).parity.describeFetched(names),
      paths,
    );
    expect(typeof here === "string", JSON.stringify(here)).toBe(REFUSED.includes(basename(name)));
    expect(there).toEqual(here);
  });
});
