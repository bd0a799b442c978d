import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../../src/image/decode.js";
import { labelsIn, maskArea, maskBox, maskOfLabel } from "../../../src/image/mask.js";
import { toRgb } from "../../../src/image/pixels.js";
import { resizeCubicAntialiased } from "../../../src/image/resizeCubic.js";
import { dataFolder, fixture, sha256 } from "./fixtures.js";

interface Sample {
  size: number[];
  /** Of what Pillow decodes. */
  sha256: string;
  /** Of MedSAM_Inference.py's resize to 1024 x 1024, cast to uint8. */
  resized?: string;
}

const samples = Object.entries(fixture<{ files: Record<string, Sample> }>("samples.json").files);
const read = (name: string) => new Uint8Array(readFileSync(`${dataFolder}${name}`));

describe.skipIf(dataFolder === undefined)("sample files of ../shared/data", () => {
  // A palette mask is its indices as labels; Pillow's checksum is of its colours, as an image's.
  test.each(samples)("%s decodes to Pillow's bytes", async (name, { size, sha256: expected }) => {
    const image = await decodeImage(read(name), name);
    expect([image.height, image.width, ...(image.channels === 3 ? [3] : [])]).toEqual(size);
    expect(sha256(image.data)).toBe(expected);
  });

  const resized = samples.filter(([, sample]) => sample.resized !== undefined);
  test.each(resized)("%s is resized to scikit-image's bytes", async (name, sample) => {
    const image = toRgb(await decodeImage(read(name), name));
    const bytes = Uint8Array.from(resizeCubicAntialiased(image, 1024, 1024));
    expect(sha256(bytes)).toBe(sample.resized);
  });

  test.each([
    ["images/ultrasound_0104_mask.png", 1, 4556, [318, 171, 410, 237]],
    ["images/ultrasound_0104_mask.png", 2, 5543, [156, 161, 273, 221]],
    ["images/ultrasound_0038_mask.png", 1, 5973, [243, 149, 388, 222]],
    ["images/nuclei2d_mask_16bit.tif", 149, undefined, [446, 299, 483, 324]],
    ["images/polyp_a_mask.jpg", 1, 93043, [39, 6, 429, 337]],
    // Two polyps, and a pixel of noise in the corner.
    ["images/polyp_b_mask.jpg", 1, 29207 + 6424 + 1, [0, 0, 621, 338]],
  ])("%s has object %i where it should be", async (name, label, area, box) => {
    const mask = maskOfLabel(await decodeLabels(read(name), name), label);
    expect(maskBox(mask)).toEqual(box);
    if (area !== undefined) expect(maskArea(mask)).toBe(area);
  });

  test("the nuclei keep their 16-bit numbers", async () => {
    const labels = await decodeLabels(read("images/nuclei2d_mask_16bit.tif"), "nuclei");
    expect(labels.data).toBeInstanceOf(Uint16Array);
    expect(labelsIn(labels)).toHaveLength(125);
  });
});
