import { zlibSync } from "fflate";
import { describe, expect, test } from "vitest";
import { axisCodes, type Affine } from "../../../src/volume/affine.js";
import { readMetaImage, readMetaImageLabels } from "../../../src/volume/metaImage.js";
import { metaImageLabelBytes } from "../../../src/volume/metaImageWrite.js";
import { looksLikeVolume, readLabelVolume, readVolume } from "../../../src/volume/read.js";
import { fileWorks } from "../../fileWorks.js";
import { expectSafe, omit } from "./damage.js";

type Fields = Readonly<Record<string, string | number>>;

const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
/** 2 x 3 x 4 voxels of -100, -90, ... */
const SHORTS = Int16Array.from({ length: 24 }, (_, i) => 10 * i - 100);
const PLACED: Fields = {
  ...{
    ObjectType: "Image",
    NDims: 3,
    BinaryData: "True",
    BinaryDataByteOrderMSB: "False",
    CompressedData: "False",
  },
  ...{
    TransformMatrix: "1 0 0 0 1 0 0 0 1",
    Offset: "5 6 7",
    CenterOfRotation: "0 0 0",
    AnatomicalOrientation: "RAI",
  },
  ...{ ElementSpacing: "2 2.5 3", DimSize: "2 3 4", ElementType: "MET_SHORT" },
};
const AFFINE: Affine = [[-2, 0, 0, -5], [0, -2.5, 0, -6], [0, 0, 3, 7]]; // prettier-ignore

/** A header, whose last line says where the values are, and the values. */
function meta(fields: Fields, values: Uint8Array | string = "", datafile = "LOCAL", end = "\n"): Uint8Array {
  const lines = Object.entries({ ...fields, ElementDataFile: datafile }).map(
    ([key, value]) => `${key} = ${value}`,
  );
  return new Uint8Array(Buffer.concat([Buffer.from(`${lines.join(end)}${end}`), Buffer.from(values)]));
}

const read = (bytes: Uint8Array) => readVolume(bytes, "a.mha");
const rest = omit(PLACED, "ElementType", "DimSize");

describe("MetaImage, reading", () => {
  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "ITK, elastix, grand challenges",
      habit: "`.mha`, raw or compressed by zlib, in DICOM's axes",
      result: "values and place as SimpleITK gives them; checksums are checked",
    },
    async () => {
      const packed = zlibSync(bytesOf(SHORTS));
      const compressed = { ...PLACED, CompressedData: "True" };
      for (const bytes of [
        meta(PLACED, bytesOf(SHORTS)),
        meta(PLACED, bytesOf(SHORTS), "LOCAL", "\r\n"),
        meta(compressed, packed),
        meta(
          { ...compressed, CompressedDataSize: packed.length },
          Buffer.concat([packed, Buffer.from("rest")]),
        ),
      ]) {
        expect(looksLikeVolume(bytes)).toBe(true);
        const volume = await read(bytes);
        expect(volume).toMatchObject({
          size: [2, 3, 4],
          frames: 1,
          channels: 1,
          slope: 1,
          intercept: 0,
          warnings: [],
        });
        expect(volume).toMatchObject({
          pixelSpacing: [2, 2.5],
          sliceSpacing: 3,
          affine: AFFINE,
          data: SHORTS,
        });
      }
      const damaged = packed.slice();
      damaged[damaged.length - 1] ^= 1;
      await expect(read(meta(compressed, damaged))).rejects.toThrow(
        "a.mha: damaged zlib: its checksum is wrong",
      );
    },
  );

  test("row i of the matrix is the direction of axis i", async () => {
    // Columns run to the back, rows to the left, slices up.
    const turned = await read(meta({ ...PLACED, TransformMatrix: "0 1 0 1 0 0 0 0 1" }, bytesOf(SHORTS)));
    expect(axisCodes(turned.affine!)).toBe("PLS");
    expect(turned.affine).toEqual([[0, -2.5, 0, -5], [-2, 0, 0, -6], [0, 0, 3, 7]]); // prettier-ignore
  });

  test.each([
    ["MET_CHAR", Int8Array.of(-5, 5)],
    ["MET_UCHAR", Uint8Array.of(200, 5)],
    ["MET_USHORT", Uint16Array.of(60000, 5)],
    ["MET_INT", Int32Array.of(-70000, 5)],
    ["MET_ULONG", Uint32Array.of(4e9, 5)],
    ["MET_FLOAT", Float32Array.of(0.25, -1)],
    ["MET_DOUBLE", Float64Array.of(0.1, -1)],
    ["MET_LONG_LONG", BigInt64Array.of(-5_000_000_000_000n, 5n)],
  ] as const)("type %s, in both byte orders and as text", async (ElementType, values) => {
    const fields = { ...rest, ElementType, DimSize: "2 1 1" };
    const expected = typeof values[0] === "bigint" ? Float64Array.from(values, Number) : values;
    const little = bytesOf(values.slice());
    const size = values.BYTES_PER_ELEMENT;
    const big = Uint8Array.from({ length: 2 * size }, (_, i) => little[size * Math.floor(i / size) + (size - 1 - (i % size))]); // prettier-ignore
    const data = async (bytes: Uint8Array) => (await read(bytes)).data;
    expect(await data(meta(fields, little))).toEqual(expected);
    for (const key of ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
      expect(await data(meta({ ...fields, [key]: "True" }, big))).toEqual(expected);
    expect(await data(meta({ ...fields, BinaryData: "False" }, [...values].join(" ")))).toEqual(expected);
  });

  test("flat images, films, colours; a file without a place says so", async () => {
    const two = { ...rest, NDims: 2, TransformMatrix: "1 0 0 1", Offset: "5 6", CenterOfRotation: "0 0", ElementSpacing: "2 2.5" }; // prettier-ignore
    const flat = await read(meta({ ...two, DimSize: "4 6", ElementType: "MET_SHORT" }, bytesOf(SHORTS)));
    expect(flat).toMatchObject({ size: [4, 6, 1], pixelSpacing: [2, 2.5], affine: [[-2, 0, 0, -5], [0, -2.5, 0, -6], [0, 0, 1, 0]] }); // prettier-ignore
    const four = { NDims: 4, TransformMatrix: "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1", Offset: "5 6 7 0", ElementSpacing: "2 2.5 3 1" }; // prettier-ignore
    const film = await read(meta({ ...four, DimSize: "2 3 2 2", ElementType: "MET_SHORT" }, bytesOf(SHORTS)));
    expect(film).toMatchObject({ size: [2, 3, 2], frames: 2, affine: AFFINE, data: SHORTS });
    const colours = Uint8Array.from({ length: 18 }, (_, i) => i);
    const rgb = { ...rest, DimSize: "2 3 1", ElementNumberOfChannels: 3, ElementType: "MET_UCHAR_ARRAY" };
    expect(await read(meta(rgb, colours))).toMatchObject({ size: [2, 3, 1], channels: 3, data: colours });
    const plain = await read(meta({ NDims: 3, DimSize: "2 3 4", ElementType: "MET_SHORT", ElementSize: "1 1 2" }, bytesOf(SHORTS))); // prettier-ignore
    expect(plain).toMatchObject({ pixelSpacing: [1, 1], sliceSpacing: 2 });
    expect(plain.warnings).toEqual([
      expect.stringMatching(/^a\.mha: does not say how it lies in the patient\./),
    ]);
  });

  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "ITK, elastix",
      habit: "`.mhd` with its values in a `.raw`, `.zraw`, a list of files or numbered files",
      result: "read where the files lie beside the header",
    },
    async () => {
      const values = bytesOf(SHORTS);
      const files: Readonly<Record<string, Uint8Array>> = {
        "v.raw": Buffer.concat([Buffer.from("head"), values]),
        "v.zraw": zlibSync(values),
        ...Object.fromEntries([1, 2, 3, 4].map((n) => [`s${n}.raw`, values.slice(12 * (n - 1), 12 * n)])),
      };
      const beside = (file: string) => Promise.resolve(files[file]);
      for (const [change, datafile] of [
        [{ HeaderSize: 4 }, "v.raw"],
        [{ HeaderSize: -1 }, "v.raw"],
        [{ CompressedData: "True" }, "v.zraw"],
        [{}, "s%d.raw 1 4 1"],
        [{}, "LIST\ns1.raw\ns2.raw\ns3.raw\ns4.raw"],
      ] as const) {
        const volume = await readVolume(meta({ ...PLACED, ...change }, "", datafile), "v.mhd", { beside });
        expect(volume, datafile).toMatchObject({ data: SHORTS, affine: AFFINE });
      }
      await expect(readVolume(meta(PLACED, "", "gone.raw"), "v.mhd", { beside })).rejects.toThrow(
        "v.mhd: is a header whose values lie in gone.raw, which is not there",
      );
    },
  );
});

describe("MetaImage, refused", () => {
  test.each([
    [{ NDims: 7 }, "NDims is 7; expected 1 to 4"],
    [{ DimSize: "2 3" }, "DimSize has 2 numbers; expected 3"],
    [{ DimSize: "2 3 5" }, "is cut off: has 48 bytes of values; its header asks for 60"],
    [{ DimSize: "2 3 0" }, "has 0 slices"],
    [
      { DimSize: "8000 8000 30000" },
      "8000 x 8000 x 30000 voxels in 1 frames of 1 channels are more than the limit",
    ],
    [{ ElementType: "MET_STRING" }, "has values of type MET_STRING"],
    [{ ElementNumberOfChannels: 2 }, "has 2 values a voxel; expected 1, or 3 colours"],
    [{ CompressedData: "True" }, "damaged compression: is no zlib stream"],
    [
      { CompressedData: "True", CompressedDataSize: 99 },
      "is cut off: has 48 compressed bytes; its header asks for 99",
    ],
    [{ Offset: "1 2 x" }, 'Offset is "1 2 x"; expected numbers'],
  ] as const)("%o", async (change, message) => {
    await expect(read(meta({ ...PLACED, ...change }, bytesOf(SHORTS)))).rejects.toThrow(`a.mha: ${message}`);
  });

  test("a small file that inflates to a huge one", async () => {
    const bytes = meta({ ...PLACED, CompressedData: "True" }, zlibSync(new Uint8Array(3e6)));
    await expect(read(bytes)).rejects.toThrow("a.mha: inflates to more than");
  });

  test("any damage gives a volume or an error that names the file", async () => {
    const raw = meta(PLACED, bytesOf(SHORTS));
    await expectSafe(raw, (bytes) => readMetaImage(bytes, "x.mha"), { header: raw.length - 48 });
    const packed = meta({ ...PLACED, CompressedData: "True" }, zlibSync(bytesOf(SHORTS)));
    await expectSafe(packed, (bytes) => readMetaImage(bytes, "x.mha"));
  });
});

test("MetaImage, writing: labels come back with their place, and without one there is none", async () => {
  const affine: Affine = [[-2, 0.5, 0.1, 90], [0.4, 2.5, -0.3, -120], [0.1, 0.2, 3, 7]]; // prettier-ignore
  for (const data of [
    Uint8Array.from(SHORTS, (_, i) => i % 3),
    Uint16Array.from(SHORTS, (_, i) => 300 * (i % 3)),
  ]) {
    const read = await readMetaImageLabels(metaImageLabelBytes({ size: [2, 3, 4], affine, data }), "l.mha");
    expect(read.data).toEqual(data);
    affine.flat().forEach((value, i) => expect(read.affine!.flat()[i]).toBeCloseTo(value, 12));
    const nowhere = metaImageLabelBytes({
      size: [2, 3, 4],
      pixelSpacing: [0.5, 0.25],
      sliceSpacing: 4,
      data,
    });
    const again = await readLabelVolume(nowhere, "l.mha");
    expect(again).toMatchObject({ data, pixelSpacing: [0.5, 0.25], sliceSpacing: 4 });
    expect(again.affine).toBeUndefined();
  }
});
