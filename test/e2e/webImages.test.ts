import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../src/image/decode.js";
import { readNiftiLabels } from "../../src/volume/nifti.js";
import { readLabelVolume, readVolume } from "../../src/volume/read.js";
import { fit, rulerLength } from "../../web/view/transform.js";
import { temporaryFolder } from "./medsam.js";
import { BOX } from "./webGoesOn.js";
import { dragBox, maskArrives, openFiles, PAGE_CAN_RUN, pageFixture, placer, save, SHARED_DATA } from "./webPage.js"; // prettier-ignore

describe.skipIf(!PAGE_CAN_RUN || !existsSync(SHARED_DATA))("images (these need ../shared/data)", () => {
  const site = pageFixture();
  const files = (folder: string) => readdirSync(join(SHARED_DATA, folder)).map((name) => join(SHARED_DATA, folder, name)); // prettier-ignore

  describe("one after the other in the same page", () => {
    let page: Page;
    beforeAll(async () => {
      page = await site.open("wasm");
    }, 120_000);
    afterAll(() => page?.context().close());

    test.each([
      ["images/polyp_a.jpg", "colour"],
      ["images/nuclei2d_16bit.tif", "grey; values"],
      ["faults/tiff/be.tif", "grey; values 9015 to 16088"],
      ["images/ct1_hu_plus_32768_16bit.png", "grey; values"],
      ["dicom/CT_small.dcm", "CT"],
      ["dicom/MR_small_jpeg_ls_lossless.dcm", "MR"],
      ["dicom/examples_jpeg2k.dcm", "colour"],
      ["ct-lesion/CT_Lesion_000001_02_01_008-023.npz", "512 × 512 × 16"],
    ])("%s opens, and a click gives a mask", async (name, shown) => {
      await openFiles(page, join(SHARED_DATA, name), shown);
      const canvas = (await page.locator("#canvas").boundingBox())!;
      await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
      await maskArrives(page);
      expect(await page.locator("#notice").isVisible()).toBe(false);
    });
  });

  test("a DICOM series: sorted slices, a ruler, a label volume in its place", async () => {
    const page = await site.open("wasm");
    await openFiles(page, files("dicom-series"), "512 × 512 × 6");
    expect(await page.locator("#slice-number").textContent()).toBe("4 of 6");
    await page.locator("#slice").fill("0");
    await expect.poll(() => page.locator("#slice-number").textContent()).toBe("1 of 6");
    await page.locator("#slice").fill("3");
    await expect.poll(() => page.locator("#slice-number").textContent()).toBe("4 of 6");
    await expect.poll(() => rulerEnds(page, 0.41015625)).toEqual([true, true, false]);
    await dragBox(page, BOX);
    await maskArrives(page);
    await page.locator("#canvas").press("PageDown");
    await expect.poll(() => page.locator("#slice-number").textContent()).toBe("5 of 6");
    await dragBox(page, BOX);
    await maskArrives(page);
    expect(await page.locator("#objects li").count()).toBe(1);
    const labels = readNiftiLabels(await save(page, "save-nifti"), "labels.nii.gz");
    expect(labels.size).toEqual([512, 512, 6]);
    expect(labels.pixelSpacing![0]).toBeCloseTo(0.4102, 4);
    const used = [0, 1, 2, 3, 4, 5].map((z) => labels.data.subarray(z * 512 * 512, (z + 1) * 512 * 512).some((value) => value === 1)); // prettier-ignore
    expect(used).toEqual([false, false, false, true, true, false]);
    const hashes = files("dicom-series").map((path) => sha256(readFileSync(path))).sort(); // prettier-ignore
    const { image } = JSON.parse(Buffer.from(await save(page, "save-json")).toString()) as {
      image: { sha256: string };
    };
    expect(image.sha256).toBe(sha256(hashes.join("\n")));
    await page.context().close();
  });

  test.each([
    ["anatomical.nii", "33 × 41 × 25"], // its first axis runs from right to left, its bytes from high to low
    ["someones_anatomy.nii.gz", "57 × 67 × 56"],
  ])("%s: a label volume says its place as the image does", async (name, shown) => {
    const page = await site.open("wasm");
    const path = join(SHARED_DATA, "nifti", name);
    await openFiles(page, path, shown);
    const image = await readVolume(readFileSync(path), name);
    const [width, height, depth] = image.size;
    await dragBox(page, [8, 8, 24, 24], [width, height]);
    await maskArrives(page);
    const labels = readNiftiLabels(await save(page, "save-nifti"), "labels.nii.gz");
    for (const part of ["size", "pixelSpacing", "sliceSpacing", "affine"] as const) expect(labels[part]).toEqual(image[part]); // prettier-ignore
    expect(labels.nifti).toMatchObject({ qform: image.nifti!.qform, sform: image.nifti!.sform });
    const area = width * height;
    const used = Array.from({ length: depth }, (_, z) => labels.data.subarray(z * area, (z + 1) * area).some((value) => value === 1)); // prettier-ignore
    expect(used.indexOf(true)).toBe(Math.floor(depth / 2));
    expect(used.filter(Boolean)).toHaveLength(1);
    await page.context().close();
  });

  test("a header and its values dropped together; a segmentation for 3D Slicer", async () => {
    const page = await site.open("wasm");
    const folder = temporaryFolder();
    const voxels = Int16Array.from({ length: 40 * 30 * 3 }, (_, i) =>
      i % 40 > 10 && i % 40 < 25 ? 900 : 100,
    );
    const header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 40 30 3\nendian: little\nencoding: raw\nspace: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,5)\nspace origin: (5,6,7)\ndata file: v.raw\n"; // prettier-ignore
    writeFileSync(join(folder, "v.nhdr"), header);
    writeFileSync(join(folder, "v.raw"), new Uint8Array(voxels.buffer));
    await openFiles(page, [join(folder, "v.raw"), join(folder, "v.nhdr")], "40 × 30 × 3");
    await dragBox(page, [10, 5, 26, 25], [40, 30]);
    await maskArrives(page);
    const labels = await readLabelVolume(await save(page, "save-nrrd"), "v_labels.seg.nrrd");
    expect(labels).toMatchObject({ size: [40, 30, 3], affine: [[-1, 0, 0, -5], [0, -1, 0, -6], [0, 0, 5, 7]] }); // prettier-ignore
    expect(labels.segments).toEqual([{ label: 1, name: "Object 1", colour: [251, 252, 30] }]);
    expect(labels.data.subarray(1200, 2400)).toContain(1);
    await page.context().close();
  });

  test("values of 16 bits reach the page as they are stored", async () => {
    const page = await site.open("wasm");
    const path = join(SHARED_DATA, "images/ct1_hu_plus_32768_16bit.png");
    const { data, width, height } = await decodeImage(readFileSync(path), path);
    await openFiles(page, path, "grey");
    const place = await placer(page, width, height);
    for (const [x, y] of [
      [200, 150],
      [333, 300],
    ]) {
      // prettier-ignore
      await page.mouse.move(...place(x + 0.5, y + 0.5));
      await expect.poll(() => page.locator("#hover").textContent()).toBe(`${x}, ${y}: ${data[y * width + x]}`); // prettier-ignore
    }
    await page.context().close();
  });
});

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

/** Whether the ruler's line is there at its left end, at the right end that its length has, and behind that. */
async function rulerEnds(page: Page, millimetres: number): Promise<boolean[]> {
  const { width, height } = (await page.locator("#canvas").boundingBox())!;
  const aPixel = millimetres / fit({ width: 512, height: 512 }, { width, height }).scale;
  const end = 16 + rulerLength(aPixel, 160) / aPixel;
  const level = (x: number) =>
    page.evaluate(
      ([x, y]) => document.querySelector("canvas")!.getContext("2d")!.getImageData(x, y, 1, 1).data[0],
      [Math.round(x), Math.round(height - 18)],
    );
  return (await Promise.all([17, end - 1, end + 4].map(level))).map((value) => value > 200);
}
