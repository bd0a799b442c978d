import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../../src/image/decode.js";
import { FULL_RANGE, scaleIntensity } from "../../../src/image/intensity.js";
import { fileWorks } from "../../fileWorks.js";
import { dataFolder, sha256 } from "./fixtures.js";
import { makeTiff, type TiffPage } from "./makeTiff.js";

const ramp = (count: number, top: number) => Array.from({ length: count }, (_, i) => (i * 7919) % (top + 1));
const grey = (page: Partial<TiffPage> & { bits: number }): TiffPage => ({
  ...{ width: 5, height: 3, values: ramp(15, Math.min(2 ** page.bits - 1, 65535)) },
  ...page,
});

/** Any page that is read, with values that its samples can hold. */
const anyPage = fc
  .record({
    kind: fc.constantFrom("uint" as const, "int" as const, "float" as const),
    width: fc.integer({ min: 1, max: 20 }),
    height: fc.integer({ min: 1, max: 9 }),
    samples: fc.constantFrom(1, 3),
    compression: fc.constantFrom("none" as const, "deflate" as const, "packbits" as const),
    planar: fc.boolean(),
    reversedBits: fc.boolean(),
    rowsPerStrip: fc.integer({ min: 1, max: 10 }),
    tile: fc.option(fc.constantFrom([16, 16] as const, [32, 32] as const), { nil: undefined }),
  })
  .chain((page) =>
    fc
      .constantFrom(
        ...{
          uint: [...Array.from({ length: 16 }, (_, i) => i + 1), 32, 64],
          int: [8, 16, 32, 64],
          float: [16, 32, 64],
        }[page.kind],
      )
      .chain((bits) => {
        const predictors = [1, ...(bits % 8 === 0 ? [2] : []), ...(page.kind === "float" ? [3] : [])];
        const half = Math.min(2 ** (bits - 1), 2 ** 31);
        const value = {
          uint: fc.integer({ min: 0, max: Math.min(2 ** bits, 2 ** 32) - 1 }),
          int: fc.integer({ min: -half, max: half - 1 }),
          float: fc.integer({ min: -1000, max: 1000 }).map((v) => v / 8),
        }[page.kind];
        const count = page.width * page.height * page.samples;
        return fc
          .record({
            ...{ bits: fc.constant(bits), predictor: fc.constantFrom(...predictors) },
            values: fc.array(value, { minLength: count, maxLength: count }),
          })
          .map((rest) => ({ ...page, ...rest }));
      }),
  );

test("any TIFF of a kind that is read gives the values that were saved", async () => {
  await fc.assert(
    fc.asyncProperty(anyPage, fc.boolean(), fc.boolean(), async (page, littleEndian, big) => {
      const { width, height, samples, bits, kind, values } = page;
      const image = await decodeImage(makeTiff([page], { littleEndian, big }), "a.tif");
      expect(image).toMatchObject({ width, height, channels: samples });
      const scale = kind === "uint" && bits < 8 ? 255 / (2 ** bits - 1) : 1;
      const Kind = kind !== "uint" || bits > 16 ? Float32Array : bits > 8 ? Uint16Array : Uint8Array;
      expect(image.data).toEqual(new Kind(values.map((value) => value * scale)));
    }),
    { numRuns: 150, seed: 7 },
  );
});

test("a TIFF with changed bytes is read or refused by its name", async () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      anyPage,
      fc.boolean(),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (page, big, changes) => {
        const bytes = makeTiff([page], { big });
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        await decodeImage(bytes, "a.tif").catch((error: unknown) =>
          expect(String(error)).toMatch(/^ImageError: a\.tif/),
        );
      },
    ),
    { numRuns: 150, seed: 8 },
  );
});

fileWorks(
  {
    format: "TIFF",
    from: "tifffile, ImageJ",
    habit: "big-endian with predictor 2 (16 bits and more) or 3",
    result: "the values that were saved",
  },
  async () => {
    for (const [bits, kind, predictor] of [
      [16, "uint", 2],
      [32, "int", 2],
      [64, "uint", 2],
      [32, "float", 3],
      [64, "float", 3],
    ] as const) {
      const page = grey({ bits, kind, predictor, compression: "deflate", values: ramp(15, 700) });
      const bytes = makeTiff([page], { littleEndian: false });
      expect(Array.from((await decodeLabels(bytes, "a")).data)).toEqual(page.values);
    }
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "tifffile",
    habit: "a boolean mask, which it marks as WhiteIsZero",
    result:
      "as labels the stored values, as tifffile reads them; as an image low values are bright, as in Pillow",
  },
  async () => {
    const bytes = makeTiff([grey({ bits: 1, photometric: 0, values: ramp(15, 1) })]);
    expect(Array.from((await decodeLabels(bytes, "a")).data)).toEqual(ramp(15, 1));
    expect(Array.from((await decodeImage(bytes, "a")).data)).toEqual(ramp(15, 1).map((v) => 255 - 255 * v));
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "NumPy, scikit-image",
    habit: "labels as int32, int64, uint64 or float64",
    result: "labels, if all of them are integers from 0 to 65535; otherwise an error that names the value",
  },
  async () => {
    for (const [bits, kind] of [
      [32, "int"],
      [64, "int"],
      [64, "uint"],
      [64, "float"],
    ] as const) {
      const bytes = makeTiff([grey({ bits, kind, values: ramp(15, 300) })]);
      expect((await decodeLabels(bytes, "a")).data).toEqual(Uint16Array.from(ramp(15, 300)));
    }
    const nearly = makeTiff([
      grey({ bits: 64, kind: "float", values: Array<number>(15).fill(2.9999999999) }),
    ]);
    await expect(decodeLabels(nearly, "n.tif")).rejects.toThrow(
      "n.tif: has the label 2.9999999999; expected integers",
    );
    const large = makeTiff([grey({ bits: 64, values: Array<number>(15).fill(2 ** 24 + 1) })]);
    await expect(decodeLabels(large, "l.tif")).rejects.toThrow(
      "l.tif: has the label 16777217; expected integers",
    );
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "ImageJ, tifffile",
    habit: "several pages: a stack, channels or points in time",
    result: "the first page, and a warning that says how many there are",
  },
  async () => {
    const pages = [1, 2, 3].map((n) => grey({ bits: 8, values: Array<number>(15).fill(n) }));
    const image = await decodeImage(makeTiff(pages), "stack.tif");
    expect(image.data).toEqual(new Uint8Array(15).fill(1));
    expect(image.warnings).toEqual([
      "stack.tif: has 3 pages; only the first is used. Save others as files of their own",
    ]);
    expect((await decodeLabels(makeTiff(pages), "stack.tif")).warnings).toEqual(image.warnings);
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "GDAL, slide scanners",
    habit: "pages that are marked as thumbnails, reduced sizes or masks of another page",
    result: "the first page of full size, without a warning if it is the only one",
  },
  async () => {
    const reduced = (kind: number) =>
      grey({ bits: 8, width: 2, height: 2, values: ramp(4, 9), tags: { 254: [kind] } });
    const image = await decodeImage(makeTiff([reduced(1), reduced(4), grey({ bits: 8 }), reduced(5)]), "a");
    expect(image).toEqual({ width: 5, height: 3, channels: 1, data: Uint8Array.from(ramp(15, 255)) });
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "microscopes",
    habit: "10, 12 or 14 bits, packed without gaps",
    result: "the stored values, from 0 to 1023, 4095 or 16383",
  },
  async () => {
    for (const bits of [10, 12, 14])
      expect((await decodeImage(makeTiff([grey({ bits })], { littleEndian: false }), "a")).data).toEqual(
        Uint16Array.from(grey({ bits }).values),
      );
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "tifffile, GDAL, microscopes",
    habit: "BigTIFF, in either order of bytes",
    result: "read as any other TIFF, as long as one image fits into memory",
  },
  async () => {
    for (const littleEndian of [true, false]) {
      const page = grey({ bits: 16, values: ramp(15, 40_000) });
      const { data } = await decodeImage(makeTiff([page], { littleEndian, big: true }), "a");
      expect(data).toEqual(Uint16Array.from(page.values));
    }
  },
);

fileWorks(
  {
    format: "TIFF",
    from: "tifffile, Fiji, quantitative MR and PET",
    habit: "float samples with NaN or infinity where nothing was measured",
    result:
      "read with a warning; what is not finite counts as not measured and is shown as 0. Labels are refused",
  },
  async () => {
    const values = [0, 1, 2, NaN, 4, Infinity, -Infinity, ...ramp(8, 9)];
    for (const bits of [32, 64]) {
      const bytes = makeTiff([grey({ bits, kind: "float", values })]);
      const image = await decodeImage(bytes, "a.tif");
      expect(image.data).toEqual(Float32Array.from(values, (v) => (Number.isFinite(v) ? v : NaN)));
      expect(image.warnings).toEqual([
        "a.tif: 3 of 15 values are not finite numbers; they count as not measured",
      ]);
      const shown = scaleIntensity(image, FULL_RANGE).data;
      expect([shown[3], shown[5], shown[6]]).toEqual([0, 0, 0]);
      await expect(decodeLabels(bytes, "a.tif")).rejects.toThrow(
        "a.tif: has the label NaN; expected integers",
      );
    }
    const empty = makeTiff([grey({ bits: 32, kind: "float", values: Array<number>(15).fill(NaN) })]);
    await expect(decodeImage(empty, "e.tif")).rejects.toThrow("e.tif: has no value that is a finite number");
  },
);

test("more channels than are used are told, alpha is not", async () => {
  const page = grey({ bits: 8, samples: 4, photometric: 2, values: ramp(60, 255) });
  const rgb = ramp(60, 255).filter((_, i) => i % 4 !== 3);
  const alpha = await decodeImage(makeTiff([{ ...page, tags: { 338: [2] } }]), "a");
  expect(alpha).toEqual({ width: 5, height: 3, channels: 3, data: Uint8Array.from(rgb) });
  for (const tags of [{ 338: [0] }, {}] as TiffPage["tags"][])
    expect((await decodeImage(makeTiff([{ ...page, tags }]), "a.tif")).warnings).toEqual([
      "a.tif: has 4 samples in a pixel; only the first 3 are used",
    ]);
  const planes = await decodeImage(makeTiff([{ ...page, photometric: 1 }]), "a.tif");
  expect(planes.data).toEqual(Uint8Array.from(ramp(60, 255).filter((_, i) => i % 4 === 0)));
  expect(planes.warnings).toEqual(["a.tif: has 4 samples in a pixel; only the first is used"]);
});

test.each([
  [
    { tags: { 259: [4] } },
    "compression CCITT fax group 4, which is not read; expected none, LZW, Deflate, PackBits, Zstandard or JPEG",
  ],
  [{ tags: { 259: [6] } }, "compression old-style JPEG"],
  [{ tags: { 259: [34712] } }, "compression JPEG 2000"],
  [{ tags: { 259: [777] } }, "compression 777"],
  [{ photometric: 5, samples: 4, values: ramp(60, 255) }, "colour space CMYK"],
  [{ photometric: 6, samples: 3, values: ramp(45, 255) }, "colour space YCbCr"],
  [{ bits: 24 }, "uint samples of [24] bits, which is not read; expected 1 to 16, 32 or 64 bits"],
  [{ bits: 32, tags: { 339: [6] } }, "sample format 6, samples of [32] bits"],
  [{ bits: 12, predictor: 2 }, "predictor 2 of uint samples of 12 bits"],
  [{ bits: 32, predictor: 3 }, "predictor 3 of uint samples of 32 bits"],
  [{ tags: { 32997: [4] } }, "an image of several slices"],
] as const)("%j is refused by its name", async (page, message) => {
  await expect(decodeImage(makeTiff([grey({ bits: 8, ...page })]), "a.tif")).rejects.toThrow(
    `a.tif: TIFF with ${message}`,
  );
});

test("a Buffer is read as a Uint8Array is, also where it lies amid other bytes", async () => {
  const bytes = makeTiff([grey({ bits: 8, compression: "packbits" })]);
  const pooled = Buffer.concat([Buffer.alloc(11, 1), bytes]).subarray(11);
  expect(await decodeImage(pooled, "a")).toEqual(await decodeImage(bytes, "a"));
});

test("pages that follow each other in a circle are refused", async () => {
  const bytes = makeTiff([grey({ bits: 8 })]);
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 4, view.getUint32(4, true), true);
  await expect(decodeImage(bytes, "a.tif")).rejects.toThrow(
    "a.tif: damaged TIFF: its list of pages has no end",
  );
});

const faults = dataFolder && join(dataFolder, "faults/tiff");

describe.skipIf(faults === undefined || !existsSync(faults))("files of ../shared/data/faults/tiff", () => {
  const read = (name: string) => new Uint8Array(readFileSync(join(faults!, name)));
  // Checksums of what tifffile reads, as 16-bit numbers.
  test.each([
    ["be.tif", "abe190ded2df098d", "image"],
    ["tif_be_rgb16_deflate_pred2.tif", "adea37c16bd0335a", "image"],
    ["tif_be_u16_deflate_pred2.tif", "b3a2e49d08d5e7f5", "image"],
    ["tif_be_u16_lzw_pred2.tif", "b3a2e49d08d5e7f5", "image"],
    ["lab_be.tif", "953687d0e8c03482", "labels"],
    ["lab_bool.tif", "0200466978f48fdd", "labels"],
    ["lab_i64.tif", "cfe32e4f69d09fcb", "labels"],
    ["lab_le.tif", "953687d0e8c03482", "labels"],
    ["lab_u16_be_pred2.tif", "cfe32e4f69d09fcb", "labels"],
  ])("%s gives the pixels that tifffile reads", async (name, checksum, as) => {
    const { data } = await (as === "image" ? decodeImage : decodeLabels)(read(name), name);
    expect(sha256(Uint16Array.from(data)).slice(0, 16)).toBe(checksum);
  });

  test("a boolean mask is dark where it is true when it is read as an image, as in Pillow", async () => {
    const image = await decodeImage(read("lab_bool.tif"), "a");
    const labels = await decodeLabels(read("lab_bool.tif"), "a");
    expect(image.data).toEqual(Uint8Array.from(labels.data, (value) => (value === 0 ? 255 : 0)));
  });
});
