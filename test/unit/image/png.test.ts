import { deflateSync } from "node:zlib";
import { PNG } from "pngjs";
import { expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../../src/image/decode.js";
import { ImageError } from "../../../src/image/pixels.js";
import { readPng } from "../../../src/image/png.js";
import { fileWorks } from "../../fileWorks.js";
import { makePng, pngFile } from "./makePng.js";

const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const KINDS = [
  ...[1, 2, 4, 8, 16].map((depth) => ({ colourType: 0, depth })),
  ...[8, 16].flatMap((depth) => [2, 4, 6].map((colourType) => ({ colourType, depth }))),
  ...[1, 2, 4, 8].map((depth) => ({ colourType: 3, depth })),
].flatMap((kind) => [false, true].map((interlaced) => ({ ...kind, interlaced })));

function someSamples(count: number, depth: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 40503 + ((i * i) >> 3) * 977) % 2 ** depth);
}

// 11 x 9 has incomplete bytes at the end of rows and in all seven passes; 1 x 2 has empty passes.
const SIZES = [
  { width: 11, height: 9 },
  { width: 1, height: 2 },
];

for (const { width, height } of SIZES)
  test.each(KINDS)(
    `${width} x ${height}, colour type $colourType, $depth bits, interlaced $interlaced`,
    ({ colourType, depth, interlaced }) => {
      const stored = CHANNELS[colourType];
      const kept = stored >= 3 ? 3 : 1;
      const samples = someSamples(width * height * stored, depth);
      const palette = someSamples(3 * 2 ** depth, 8);
      const file = makePng({
        ...{ width, height, depth, colourType, interlaced, samples },
        ...(colourType === 3 && { palette }),
      });
      const raster = readPng(file, "some.png");
      expect(raster).toMatchObject({ width, height, depth, channels: kept });
      expect([...raster.data]).toEqual(samples.filter((_, i) => i % stored < kept));
      expect(raster.data).toBeInstanceOf(depth === 16 ? Uint16Array : Uint8Array);
      expect(raster.palette).toEqual(colourType === 3 ? Uint8Array.from(palette) : undefined);

      // pngjs, as a second opinion that the file is what it claims to be.
      const pixels = PNG.sync.read(Buffer.from(file), { skipRescale: true }).data;
      if (colourType !== 3) expect([...raster.data]).toEqual([...pixels].filter((_, i) => i % 4 < kept));
    },
  );

test.each([0, 1, 2, 3, 4])("filter %i is undone", (filter) => {
  for (const [colourType, depth] of [
    [6, 8],
    [2, 16],
    [0, 2],
  ]) {
    const count = 13 * 7 * CHANNELS[colourType];
    const parts = { width: 13, height: 7, depth, colourType, samples: someSamples(count, depth) };
    expect(readPng(makePng({ ...parts, filter }), "a").data).toEqual(readPng(makePng(parts), "a").data);
  }
});

fileWorks(
  {
    format: "PNG, JPEG and npz",
    from: "Pillow, ImageMagick",
    habit: "PNG of 1, 2 or 4 bits",
    result: "as labels the stored values; as an image scaled to 0..255",
  },
  async () => {
    const file = makePng({ width: 4, height: 1, depth: 2, colourType: 0, samples: [0, 1, 2, 3] });
    expect(await decodeImage(file, "a")).toEqual({
      ...{ width: 4, height: 1, channels: 1 },
      data: Uint8Array.of(0, 85, 170, 255),
    });
    expect((await decodeLabels(file, "a")).data).toEqual(Uint8Array.of(0, 1, 2, 3));
  },
);

fileWorks(
  {
    format: "PNG, JPEG and npz",
    from: "Pascal VOC, labelme, CVAT",
    habit: "a label map as PNG with a palette",
    result: "as labels the palette's indices; as an image its colours",
  },
  async () => {
    const palette = [9, 8, 7, 255, 0, 128];
    const file = makePng({ width: 3, height: 1, depth: 1, colourType: 3, samples: [1, 0, 1], palette });
    const image = await decodeImage(file, "a");
    expect(image).toMatchObject({ channels: 3, data: Uint8Array.of(255, 0, 128, 9, 8, 7, 255, 0, 128) });
    expect((await decodeLabels(file, "a")).data).toEqual(Uint8Array.of(1, 0, 1));
  },
);

fileWorks(
  {
    format: "PNG, JPEG and npz",
    from: "DeepLesion, microscopes",
    habit: "PNG of 16 bits: Hounsfield units + 32768, or counts",
    result: "the stored values, from 0 to 65535",
  },
  async () => {
    const file = makePng({ width: 3, height: 1, depth: 16, colourType: 0, samples: [29744, 32768, 34022] });
    const image = await decodeImage(file, "a");
    expect(image.data).toEqual(Uint16Array.of(29744, 32768, 34022));
    expect((await decodeLabels(file, "a")).data).toEqual(image.data);
  },
);

test("an index outside of the palette is named", async () => {
  const file = makePng({ width: 2, height: 1, depth: 8, colourType: 3, samples: [0, 7], palette: [1, 2, 3] });
  await expect(decodeImage(file, "bad.png")).rejects.toThrow(
    "bad.png: pixel 1 has colour 7 of a palette of 1",
  );
});

function header(width: number, height: number, depth = 8, colourType = 0): Uint8Array {
  const body = Buffer.alloc(13);
  body.writeUInt32BE(width, 0);
  body.writeUInt32BE(height, 4);
  body.set([depth, colourType], 8);
  return body;
}

const rows = (count: number, stride: number) => deflateSync(Buffer.alloc(count * stride));
const END = ["IEND", new Uint8Array()] as const;

test.each([
  [
    "a size beyond the limit",
    [["IHDR", header(20000, 20000)], END],
    /20000 x 20000 pixels are more than the limit/,
  ],
  ["an empty size", [["IHDR", header(0, 5)], END], /size is 0 x 5/],
  ["an unknown kind", [["IHDR", header(5, 5, 4, 2)], END], /colour type 2 with 4 bits does not exist/],
  ["no image", [["IHDR", header(5, 5)], END], /0 bytes cannot hold the 30/],
  ["too little", [["IHDR", header(5, 5)], ["IDAT", rows(4, 6)], END], /holds 24 bytes of the 30 announced/],
  ["too much", [["IHDR", header(5, 5)], ["IDAT", rows(6, 6)], END], /holds more than the 30 bytes/],
  ["a bomb", [["IHDR", header(5, 5)], ["IDAT", rows(10000, 10000)], END], /holds more than the 30 bytes/],
  [
    "a claim that cannot be",
    [["IHDR", header(8000, 8000)], ["IDAT", rows(1, 9)], END],
    /cannot hold the 64008000/,
  ],
  ["no compressed data", [["IHDR", header(5, 5)], ["IDAT", Buffer.alloc(40, 7)], END], /damaged PNG/],
  ["no palette", [["IHDR", header(5, 5, 8, 3)], ["IDAT", rows(5, 6)], END], /has no palette/],
  [
    "no end",
    [
      ["IHDR", header(5, 5)],
      ["IDAT", rows(5, 6)],
    ],
    /is cut off/,
  ],
  ["no header", [["IDAT", rows(5, 6)], END], /does not start with its header/],
  [
    "an unknown filter",
    [["IHDR", header(5, 5)], ["IDAT", deflateSync(Buffer.alloc(30, 9))], END],
    /filter 9 in row 0 does not exist/,
  ],
] as const)("%s is refused", (_, chunks, message) => {
  const read = () => readPng(pngFile(chunks), "bad.png");
  expect(read).toThrow(ImageError);
  expect(read).toThrow(message);
  expect(read).toThrow(/^bad\.png: /);
});
