import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../../src/image/decode.js";
import { readImageFile, readLabelFile } from "../../../src/image/decode.node.js";
import { ImageError } from "../../../src/image/pixels.js";
import { fileWorks } from "../../fileWorks.js";
import { fixture, sha256, unpack } from "./fixtures.js";
import { makePng } from "./makePng.js";

interface File {
  file: string;
  size: [height: number, width: number];
  channels: number;
  sha256: string;
  indices?: string;
}

const { files } = fixture<{ files: Record<string, File> }>("files.json");
const REFUSED = ["cmyk.jpg"];
const read = Object.entries(files).filter(([name]) => !REFUSED.includes(name));

test.each(read)(
  "%s, written by Pillow, decodes to Pillow's bytes",
  async (name, { file, size, channels, ...known }) => {
    const image = await decodeImage(unpack(file), name);
    expect([image.height, image.width, image.channels]).toEqual([...size, channels]);
    expect([Uint8Array, Uint16Array, Float32Array]).toContain(image.data.constructor);
    expect(sha256(image.data)).toBe(known.sha256);
  },
);

test("a CMYK JPEG is refused", async () => {
  await expect(decodeImage(unpack(files["cmyk.jpg"].file), "cmyk.jpg")).rejects.toThrow(
    new ImageError("cmyk.jpg: damaged JPEG, or of a kind that is not read (CMYK, 12 bits, lossless)"),
  );
});

test.each(["palette.png", "palette.tif"])("%s gives its indices as labels", async (name) => {
  const { file, indices = "" } = files[name];
  expect((await decodeLabels(unpack(file), name)).data).toEqual(unpack(indices));
});

test("a 1-bit TIFF gives 0 and 1 as labels, 0 and 255 as an image", async () => {
  const bytes = unpack(files["bits.tif"].file);
  expect(new Set((await decodeLabels(bytes, "a")).data)).toEqual(new Set([0, 1]));
  expect(new Set((await decodeImage(bytes, "a")).data)).toEqual(new Set([0, 255]));
});

fileWorks(
  {
    format: "PNG, JPEG and npz",
    from: "Data sets of endoscopy and skin",
    habit: "a mask saved as JPEG, with noise along its edge",
    result: "as labels one mask: values above 127",
  },
  async () => {
    for (const name of ["grey.jpg", "jpeg.tif"]) {
      const bytes = unpack(files[name].file);
      const image = await decodeImage(bytes, "a");
      expect((await decodeLabels(bytes, "a")).data).toEqual(image.data.map((value) => (value > 127 ? 1 : 0)));
    }
  },
);

fileWorks(
  {
    format: "PNG, JPEG and npz",
    from: "Paint programs",
    habit: "a label map saved as RGB",
    result: "labels, if every pixel is grey; a colour picture is refused with the pixel's place",
  },
  async () => {
    const grey = makePng({ width: 2, height: 1, depth: 8, colourType: 2, samples: [3, 3, 3, 200, 200, 200] });
    expect(await decodeLabels(grey, "a")).toEqual({ width: 2, height: 1, data: Uint8Array.of(3, 200) });
    const colour = makePng({
      width: 2,
      height: 1,
      depth: 8,
      colourType: 2,
      samples: [3, 3, 3, 200, 200, 201],
    });
    await expect(decodeLabels(colour, "c.png")).rejects.toThrow(
      "c.png: is a colour picture (see pixel 1, 0)",
    );
  },
);

test("real values are no labels", async () => {
  await expect(decodeLabels(unpack(files["real.tif"].file), "r.tif")).rejects.toThrow(
    /^r.tif: has the label .*integers/,
  );
});

test("low values of an inverted TIFF become bright", async () => {
  const bytes = unpack(files["grey.tif"].file);
  const view = new DataView(bytes.buffer);
  const start = view.getUint32(4, true);
  for (let i = 0; i < view.getUint16(start, true); i++)
    if (view.getUint16(start + 2 + 12 * i, true) === 262) view.setUint16(start + 10 + 12 * i, 0, true);
  const inverted = await decodeImage(bytes, "a");
  const original = await decodeImage(unpack(files["grey.tif"].file), "a");
  expect(inverted.data).toEqual(original.data.map((value) => 255 - value));
});

test.each([
  ["nothing", "", "(it starts with: nothing)"],
  ["text", "not an image", "(it starts with: 6e 6f 74 20 61 6e 20 69)"],
])("%s is no image", async (_, text, message) => {
  await expect(decodeImage(new TextEncoder().encode(text), "x.png")).rejects.toThrow(
    `x.png: is not a PNG, JPEG or TIFF image ${message}`,
  );
});

test.each([
  ["DICOM", 128, "DICM"],
  ["NIfTI", 344, "n+1\0"],
  ["NIfTI", 4, "n+2\0"],
  ["gzipped NIfTI", 0, "\x1f\x8b"],
])("%s is told where to go", async (kind, at, mark) => {
  const bytes = new Uint8Array(400);
  bytes.set(
    [...mark].map((letter) => letter.charCodeAt(0)),
    at,
  );
  await expect(decodeImage(bytes, "x")).rejects.toThrow(
    `x: is a ${kind} file, not a PNG, JPEG or TIFF image; in code readVolume takes it`,
  );
});

test("files are read by path, and errors name the path", async () => {
  const folder = mkdtempSync(join(tmpdir(), "image-"));
  const path = join(folder, "some.png");
  writeFileSync(path, unpack(files["palette.png"].file));
  expect(await readImageFile(path)).toMatchObject({ channels: 3 });
  expect((await readLabelFile(path)).data).toEqual(unpack(files["palette.png"].indices ?? ""));
  const missing = join(folder, "missing.png");
  await expect(readImageFile(missing)).rejects.toThrow(ImageError);
  await expect(readImageFile(missing)).rejects.toThrow(`${missing}: cannot be read`);
  await expect(readImageFile(folder)).rejects.toThrow(`${folder}: cannot be read`);
});
