import { gzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { axisCodes, type Affine } from "../../../src/volume/affine.js";
import { assertSameGeometry, commonGrid, gridOf, laidOn } from "../../../src/volume/labels.js";
import { readNrrd } from "../../../src/volume/nrrd.js";
import { readNrrdLabels } from "../../../src/volume/nrrdLabels.js";
import { nrrdLabelBytes } from "../../../src/volume/nrrdWrite.js";
import { looksLikeVolume, readLabelVolume, readVolume } from "../../../src/volume/read.js";
import type { Grid, LabelVolume } from "../../../src/volume/volume.js";
import { VolumeError } from "../../../src/volume/volumeError.js";
import { fileWorks } from "../../fileWorks.js";
import { expectSafe, omit } from "./damage.js";

type Fields = Readonly<Record<string, string | number>>;

/** A header as programs write it, then the values. */
function nrrd(fields: Fields, values: Uint8Array | string = "", pairs: Fields = {}): Uint8Array {
  const lines = [
    "NRRD0005",
    "# a comment",
    ...Object.entries(fields).map(([key, value]) => `${key}: ${value}`),
    ...Object.entries(pairs).map(([key, value]) => `${key}:=${value}`),
  ];
  return new Uint8Array(Buffer.concat([Buffer.from(`${lines.join("\n")}\n\n`), Buffer.from(values)]));
}

const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
/** 2 x 3 x 4 voxels of -100, -90, ... */
const SHORTS = Int16Array.from({ length: 24 }, (_, i) => 10 * i - 100);
const PLACED: Fields = {
  ...{ type: "short", dimension: 3, sizes: "2 3 4", endian: "little", encoding: "raw" },
  ...{ space: "left-posterior-superior", "space directions": "(2,0,0) (0,2.5,0) (0,0,3)" },
  ...{ kinds: "domain domain domain", "space origin": "(5,6,7)" },
};
const AFFINE: Affine = [[-2, 0, 0, -5], [0, -2.5, 0, -6], [0, 0, 3, 7]]; // prettier-ignore
const read = (bytes: Uint8Array) => readVolume(bytes, "a.nrrd");

describe("NRRD, reading", () => {
  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "3D Slicer, SimpleITK",
      habit: "`.nrrd` with gzip, in the axes left-posterior-superior",
      result: "values and place as SimpleITK gives them",
    },
    async () => {
      const raw = nrrd(PLACED, bytesOf(SHORTS));
      const packed = nrrd({ ...PLACED, encoding: "gzip" }, gzipSync(bytesOf(SHORTS)));
      for (const bytes of [raw, packed]) {
        expect(looksLikeVolume(bytes)).toBe(true);
        const volume = await read(bytes);
        expect(volume).toMatchObject({ size: [2, 3, 4], frames: 1, channels: 1, slope: 1, intercept: 0, warnings: [] }); // prettier-ignore
        expect(volume).toMatchObject({
          pixelSpacing: [2, 2.5],
          sliceSpacing: 3,
          affine: AFFINE,
          data: SHORTS,
        });
        expect(axisCodes(volume.affine!)).toBe("LPS");
      }
    },
  );

  test.each([
    ["LPS", "LPS"],
    ["RAS", "RAS"],
    ["left-anterior-superior", "LAS"],
    ["right-anterior-superior", "RAS"],
  ])("space %s: steps along its axes run to %s", async (space, codes) => {
    const volume = await read(nrrd({ ...PLACED, space }, bytesOf(SHORTS)));
    expect(axisCodes(volume.affine!)).toBe(codes);
    const origin = volume.affine!.map((row) => row[3]);
    expect(origin).toEqual([codes[0] === "L" ? -5 : 5, codes[1] === "P" ? -6 : 6, 7]);
  });

  test.each(["scanner-xyz", "3D-right-handed", undefined])("in space %s left is not known, which is said", async (space) => {
    const others = omit(PLACED, "space");
    const fields = { ...others, ...(space === undefined ? { "space dimension": 3 } : { space }) };
    const volume = await read(nrrd(fields, bytesOf(SHORTS)));
    expect(volume).toMatchObject({ pixelSpacing: [2, 2.5], sliceSpacing: 3 });
    expect(volume.affine).toBeUndefined();
    expect(volume.warnings).toEqual([expect.stringMatching(/^a\.nrrd: does not say how it lies.*left and right are not known/)]); // prettier-ignore
  }); // prettier-ignore

  test("spacings alone, units, and directions that are no place", async () => {
    const plain = omit(PLACED, "space", "space directions", "space origin");
    expect(await read(nrrd({ ...plain, spacings: "0.5 0.25 nan" }, bytesOf(SHORTS)))).toMatchObject({ pixelSpacing: [0.5, 0.25], warnings: [expect.any(String)] }); // prettier-ignore
    const metres = await read(nrrd({ ...PLACED, "space units": '"m" "m" "m"' }, bytesOf(SHORTS)));
    expect(metres).toMatchObject({ sliceSpacing: 3000 });
    expect(metres.affine![2][3]).toBe(7000);
    const flat = await read(
      nrrd({ ...PLACED, "space directions": "(1,0,0) (1,0,0) (0,0,1)" }, bytesOf(SHORTS)),
    );
    expect(flat.affine).toBeUndefined();
  });

  test.each([
    ["signed char", Int8Array.of(-5, 5)],
    ["uchar", Uint8Array.of(200, 5)],
    ["unsigned short", Uint16Array.of(60000, 5)],
    ["int32", Int32Array.of(-70000, 5)],
    ["uint32_t", Uint32Array.of(4e9, 5)],
    ["float", Float32Array.of(0.25, -1)],
    ["double", Float64Array.of(0.1, -1)],
    ["long long int", BigInt64Array.of(-5_000_000_000_000n, 5n)],
    ["uint64", BigUint64Array.of(5_000_000_000_000n, 5n)],
  ] as const)("type %s, in both byte orders, as text and as hexadecimal digits", async (type, values) => {
    const fields = { type, dimension: 2, sizes: "2 1" };
    const expected = "BYTES_PER_ELEMENT" in values && typeof values[0] === "bigint" ? Float64Array.from(values, Number) : values; // prettier-ignore
    const little = bytesOf(values.slice());
    const size = values.BYTES_PER_ELEMENT;
    const big = Uint8Array.from({ length: 2 * size }, (_, i) => little[size * Math.floor(i / size) + (size - 1 - (i % size))]); // prettier-ignore
    const data = async (bytes: Uint8Array) => (await read(bytes)).data;
    expect(await data(nrrd({ ...fields, endian: "little", encoding: "raw" }, little))).toEqual(expected);
    expect(await data(nrrd({ ...fields, endian: "big", encoding: "raw" }, big))).toEqual(expected);
    expect(await data(nrrd({ ...fields, encoding: "ascii" }, [...values].join("\n")))).toEqual(expected);
    const hex = Buffer.from(little).toString("hex").replace(/(.{6})/g, "$1\n"); // prettier-ignore
    expect(await data(nrrd({ ...fields, endian: "little", encoding: "hex" }, hex))).toEqual(expected);
  });

  test("NaN is not measured; text that does not fit its type is refused", async () => {
    const fields = { type: "float", dimension: 1, sizes: 3, encoding: "text" };
    const volume = await read(nrrd(fields, "1.5 nan -Inf"));
    expect(volume.data).toEqual(Float32Array.of(1.5, NaN, NaN));
    expect(volume.warnings[1]).toContain("2 of 3 values are not finite numbers");
    for (const [type, word] of [["uchar", "300"], ["uchar", "1.5"], ["short", "nan"], ["float", "banana"]]) // prettier-ignore
      await expect(read(nrrd({ ...fields, type }, `1 ${word} 2`))).rejects.toThrow(`a.nrrd: has the value ${word}; expected`); // prettier-ignore
  });

  test("lines and bytes to skip", async () => {
    const values = Buffer.concat([Buffer.from("two\nlines\n"), Buffer.from([1, 2, 3]), bytesOf(SHORTS)]);
    expect((await read(nrrd({ ...PLACED, "line skip": 2, "byte skip": 3 }, values))).data).toEqual(SHORTS);
    expect((await read(nrrd({ ...PLACED, "byte skip": -1 }, values))).data).toEqual(SHORTS);
    const packed = Buffer.concat([Buffer.from("line\n"), gzipSync(Buffer.concat([Buffer.from([1]), bytesOf(SHORTS)]))]); // prettier-ignore
    expect((await read(nrrd({ ...PLACED, encoding: "gz", lineskip: 1, byteskip: 1 }, packed))).data).toEqual(SHORTS); // prettier-ignore
  });

  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "3D Slicer's sequences",
      habit: "the list of volumes is the fastest axis of a `.seq.nrrd`",
      result: "frames, each with its voxels together",
    },
    async () => {
      const fields = { ...PLACED, dimension: 4, sizes: "2 2 3 2", kinds: "list domain domain domain", "space directions": "none (2,0,0) (0,2.5,0) (0,0,3)" }; // prettier-ignore
      const volume = await read(nrrd(fields, bytesOf(SHORTS)));
      expect(volume).toMatchObject({ size: [2, 3, 2], frames: 2, affine: AFFINE });
      const frame = (n: number) => [...SHORTS].filter((_, i) => i % 2 === n);
      expect([...volume.data]).toEqual([...frame(0), ...frame(1)]);
    },
  );

  test("time as the last axis, colours as the first or the last, an axis of one", async () => {
    const film = { ...PLACED, dimension: 4, sizes: "2 3 2 2", kinds: "space space space time", "space directions": "(2,0,0) (0,2.5,0) (0,0,3) none" }; // prettier-ignore
    expect(await read(nrrd(film, bytesOf(SHORTS)))).toMatchObject({
      size: [2, 3, 2],
      frames: 2,
      data: SHORTS,
    });
    const colours = Uint8Array.from({ length: 18 }, (_, i) => i);
    const plain = omit(PLACED, "space", "space directions", "space origin");
    const first = { ...plain, type: "uchar", dimension: 3, sizes: "3 2 3", kinds: "RGB-color domain domain" };
    expect(await read(nrrd(first, colours))).toMatchObject({ size: [2, 3, 1], channels: 3, data: colours });
    const last = await read(nrrd({ ...first, sizes: "2 3 3", kinds: "domain domain 3-color" }, colours));
    expect([...last.data].slice(0, 6)).toEqual([0, 6, 12, 1, 7, 13]);
    const stub = { ...PLACED, dimension: 4, sizes: "1 2 3 4", kinds: "stub domain domain domain", "space directions": "none (2,0,0) (0,2.5,0) (0,0,3)" }; // prettier-ignore
    expect(await read(nrrd(stub, bytesOf(SHORTS)))).toMatchObject({ size: [2, 3, 4], affine: AFFINE });
  });
});

describe("NRRD, values beside the header", () => {
  const fields = omit(PLACED, "encoding");
  const beside = (files: Readonly<Record<string, Uint8Array>>) => (file: string) =>
    Promise.resolve(files[file]);

  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "pynrrd, Teem, converters of DICOM",
      habit: "`.nhdr` with its values in one file, a list of files or numbered files, raw or gzip",
      result: "read where the files lie beside the header, whatever folder it names",
    },
    async () => {
      const values = bytesOf(SHORTS);
      const files = {
        "v.raw": values,
        "v.raw.gz": gzipSync(values),
        ...Object.fromEntries(
          [0, 1, 2, 3].map((n) => [`slice0${n}.raw`, values.slice(12 * n, 12 * (n + 1))]),
        ),
      };
      for (const [encoding, names] of [
        ["raw", "v.raw"],
        ["raw", "./v.raw"],
        ["raw", "somewhere/else/v.raw"],
        ["gzip", "v.raw.gz"],
        ["raw", "slice%02d.raw 0 3 1 2"],
        ["raw", "LIST\nslice00.raw\nslice01.raw\nslice02.raw\nslice03.raw"],
      ]) {
        const header = nrrd({ ...fields, encoding, "data file": names });
        const volume = await readVolume(header, "v.nhdr", { beside: beside(files) });
        expect(volume, names).toMatchObject({ data: SHORTS, affine: AFFINE });
      }
    },
  );

  test("files that are not there, elsewhere, cut off, or too many", async () => {
    const open = (datafile: string, files: Readonly<Record<string, Uint8Array>> = {}) =>
      readVolume(nrrd({ ...fields, encoding: "raw", datafile }), "v.nhdr", { beside: beside(files) });
    await expect(open("v.raw")).rejects.toThrow(
      "v.nhdr: is a header whose values lie in v.raw, which is not there; put both",
    );
    await expect(open("../v.raw")).rejects.toThrow(
      "v.nhdr: its values lie in ../v.raw, outside of its folder",
    );
    await expect(open("/etc/passwd")).rejects.toThrow("outside of its folder");
    await expect(open("v.raw", { "v.raw": new Uint8Array(47) })).rejects.toThrow("v.nhdr: is cut off: has 47 bytes of values; its header asks for 48"); // prettier-ignore
    await expect(open("s%d.raw 1 1000000000 1 2")).rejects.toThrow("expected the numbers of 1 to 24 files");
    await expect(open("LIST\na\nb\nc\nd\ne", Object.fromEntries([..."abcde"].map((one) => [one, new Uint8Array(9)])))).rejects.toThrow("has 24 values in 5 files"); // prettier-ignore
    await expect(readVolume(bytesOf(SHORTS), "v.raw")).rejects.toThrow("v.raw: holds values without a header; name the .hdr, .nhdr or .mhd"); // prettier-ignore
  });
});

describe("NRRD, refused", () => {
  test.each([
    [{ encoding: "bzip2" }, "is encoded as bzip2, which is not read; save it as raw or gzip"],
    [{ encoding: "zrl" }, "is encoded as zrl"],
    [{ type: "block" }, "has values of type block"],
    [{ endian: "" }, "endian is ; expected little or big"],
    [{ sizes: "2 3" }, "sizes has 2 parts; expected 3"],
    [{ sizes: "2 3 5" }, "is cut off: has 48 bytes of values; its header asks for 60"],
    [{ sizes: "2 -3 4" }, "size is 2 x -3"],
    [
      { sizes: "8000 8000 30000" },
      "8000 x 8000 x 30000 voxels in 1 frames of 1 channels are more than the limit",
    ],
    [{ sizes: "2 x 4" }, 'sizes is "2 x 4"; expected numbers'],
    [{ dimension: 99 }, "dimension is 99; expected 1 to 16"],
    [{ kinds: "domain domain vector", "space directions": "(1,0,0) (0,1,0) none" }, "axis 2 has 4 values of kind vector"], // prettier-ignore
    [
      { "space directions": "1,0,0 0,1,0 0,0,1" },
      'space directions is "1,0,0 0,1,0 0,0,1"; expected (x,y,z) or none',
    ],
  ] as const)("%o", async (change, message) => {
    await expect(read(nrrd({ ...PLACED, ...change }, bytesOf(SHORTS)))).rejects.toThrow(`a.nrrd: ${message}`);
  });

  test("a header without an end, or without what it needs", async () => {
    const without = omit(PLACED, "type");
    await expect(read(nrrd(without, bytesOf(SHORTS)))).rejects.toThrow('a.nrrd: has no "type" in its header');
    const endless = new Uint8Array(5e6).fill(65);
    endless.set(Buffer.from("NRRD0004\n"));
    await expect(read(endless)).rejects.toThrow("a.nrrd: is damaged: its header does not end within");
    const packed = nrrd({ ...PLACED, encoding: "gzip" }, gzipSync(new Uint8Array(3e6)));
    await expect(read(packed)).rejects.toThrow("a.nrrd: inflates to more than");
  });

  test("any damage gives a volume or an error that names the file", async () => {
    const raw = nrrd(PLACED, bytesOf(SHORTS));
    await expectSafe(raw, (bytes) => readNrrd(bytes, "x.nrrd"), { header: raw.length - 48 });
    await expectSafe(nrrd({ ...PLACED, encoding: "gzip" }, gzipSync(bytesOf(SHORTS))), (bytes) => readNrrd(bytes, "x.nrrd")); // prettier-ignore
    await expectSafe(nrrd({ ...PLACED, encoding: "ascii" }, [...SHORTS].join(" ")), (bytes) => readNrrd(bytes, "x.nrrd")); // prettier-ignore
  });
});

describe("3D Slicer's segmentations", () => {
  const IMAGE: Grid = { size: [6, 5, 4], affine: [[-2, 0, 0, -1], [0, -2.5, 0, -1], [0, 0, 3, 1]] }; // prettier-ignore
  const others = omit(PLACED, "type", "endian");
  /** Segments as Slicer names them. */
  const named = (segments: readonly (readonly [name: string, value: number, layer: number])[]): Fields =>
    Object.fromEntries(
      segments.flatMap(([name, value, layer], n): [string, string | number][] => [
        [`Segment${n}_ID`, `Segment_${n}`],
        [`Segment${n}_Name`, name],
        [`Segment${n}_Color`, "0.5 0 1"],
        [`Segment${n}_LabelValue`, value],
        [`Segment${n}_Layer`, layer],
      ]),
    );

  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "3D Slicer",
      habit: "a `.seg.nrrd` is cut to what is segmented, smaller than its image",
      result: "labels with names and colours, laid on the image's voxels",
    },
    async () => {
      // Two voxels to the left, one to the back, two up from the image's first: origin (5, 3.5, 7) in LPS.
      const fields = { ...others, type: "uchar", sizes: "2 1 2", "space origin": "(5,3.5,7)" };
      const bytes = nrrd(fields, Uint8Array.of(1, 0, 2, 2), named([["liver", 1, 0], ["tumour\\n1", 2, 0]])); // prettier-ignore
      const labels = await readLabelVolume(bytes, "a.seg.nrrd", { image: IMAGE });
      expect(labels.segments).toEqual([
        { label: 1, name: "liver", colour: [128, 0, 255] },
        { label: 2, name: "tumour\n1", colour: [128, 0, 255] },
      ]);
      expect(() => assertSameGeometry(IMAGE, labels, "a.seg.nrrd")).not.toThrow();
      const at = [...labels.data.entries()].filter(([, label]) => label > 0);
      expect(at.map(([i, label]) => [i % 6, Math.floor(i / 6) % 5, Math.floor(i / 30), label])).toEqual([[2, 1, 2, 1], [2, 1, 3, 2], [3, 1, 3, 2]]); // prettier-ignore
      expect((await readLabelVolume(bytes, "a.seg.nrrd")).size).toEqual([2, 1, 2]);
    },
  );

  fileWorks(
    {
      format: "NRRD and MetaImage",
      from: "3D Slicer",
      habit: "a `.seg.nrrd` with overlapping segments has layers, in which values come twice",
      result: "a number for each segment, and a warning with the number of voxels that overlap",
    },
    async () => {
      const fields = { ...others, type: "uchar", dimension: 4, sizes: "2 2 1 2", kinds: "list domain domain domain", "space directions": "none (2,0,0) (0,2.5,0) (0,0,3)" }; // prettier-ignore
      const layers = Uint8Array.of(1, 0, 1, 1, 0, 0, 2, 1); // voxel by voxel, both layers of each
      const bytes = nrrd(fields, layers, named([["organ", 1, 0], ["lesion", 1, 1], ["vessel", 2, 0]])); // prettier-ignore
      const labels = await readNrrdLabels(bytes, "a.seg.nrrd");
      expect([...labels.data]).toEqual([1, 2, 0, 2]);
      expect(labels.segments!.map(({ label, name }) => `${label} ${name}`)).toEqual([
        "1 organ",
        "2 lesion",
        "3 vessel",
      ]);
      expect(labels.warnings).toEqual(["a.seg.nrrd: segments overlap in 2 voxels; the one in the last layer counts there"]); // prettier-ignore
      // As Slicer wrote it before 4.11: a layer for each segment, neither layer nor value said.
      const old = nrrd(fields, Uint8Array.of(1, 0, 0, 1, 0, 0, 0, 1), { Segment0_ID: "a", Segment1_ID: "b" });
      expect([...(await readNrrdLabels(old, "a.seg.nrrd")).data]).toEqual([1, 2, 0, 2]);
    },
  );

  test("two that are cut differently have a common grid", () => {
    const affine: Affine = [[-2, 0, 0, -5], [0, -2.5, 0, -6], [0, 0, 3, 7]]; // prettier-ignore
    const one: LabelVolume = { size: [2, 1, 1], affine, data: Uint8Array.of(1, 2) };
    // A column and a slice before the first of the other.
    const other: LabelVolume = { size: [2, 1, 2], affine: [[-2, 0, 0, -3], [0, -2.5, 0, -6], [0, 0, 3, 4]], data: Uint8Array.of(3, 0, 0, 4) }; // prettier-ignore
    const grid = commonGrid(one, other, "b");
    expect(grid).toMatchObject({ size: [3, 1, 2], affine: other.affine });
    expect([...laidOn(one, grid, "a").data]).toEqual([0, 0, 0, 0, 1, 2]);
    expect([...laidOn(other, grid, "b").data]).toEqual([3, 0, 0, 0, 4, 0]);
    expect(() => commonGrid(one, { ...other, affine: AFFINE.map((row) => row.map((v) => v * 1.1)) as unknown as Affine }, "b")).toThrow("b: its voxels are not the image's"); // prettier-ignore
  });

  test("what does not lie on the image, or is not named, is refused", async () => {
    const make = (change: Fields, values: Uint8Array = Uint8Array.of(1, 1)) =>
      nrrd({ ...others, type: "uchar", sizes: "2 1 1", ...change }, values, named([["liver", 1, 0]]));
    const open = (change: Fields, values?: Uint8Array) => readNrrdLabels(make(change, values), "a.seg.nrrd", { image: IMAGE }); // prettier-ignore
    await expect(open({ "space origin": "(5.9,3.5,7)" })).rejects.toThrow("its voxels are not the image's: voxel [0, 0, 0] is at [2.45, 1.00, 2.00]"); // prettier-ignore
    await expect(open({ "space origin": "(11,3.5,7)" })).rejects.toThrow("lies partly outside of the image: its voxel [1, 0, 0] is at [6, 1, 2] of 6 x 5 x 4"); // prettier-ignore
    await expect(open({}, Uint8Array.of(1, 3))).rejects.toThrow("has the value 3 in layer 0, which no segment names"); // prettier-ignore
    await expect(readNrrdLabels(nrrd({ ...others, type: "uchar", sizes: "2 1 1" }, Uint8Array.of(1, 1), { Segment0_ID: "a", Segment0_LabelValue: -1 }), "a")).rejects.toThrow(VolumeError); // prettier-ignore
  });
});

describe("NRRD, writing", () => {
  const OBLIQUE: Affine = [
    [-2, 0.5, 0.1, 90],
    [0.4, 2.5, -0.3, -120],
    [0.1, 0.2, 3, 7],
  ];
  const grid: Grid = { size: [2, 3, 4], affine: OBLIQUE };

  test("labels come back with their place, segments and colours", async () => {
    for (const data of [
      Uint8Array.from(SHORTS, (_, i) => i % 3),
      Uint16Array.from(SHORTS, (_, i) => 300 * (i % 3)),
    ]) {
      const [one, two] = [data[1], data[2]];
      const segments = [{ label: one, name: "a\\b\nc" }, { label: two, name: "Object 2", colour: [1, 2, 3] as const }]; // prettier-ignore
      const bytes = nrrdLabelBytes({ ...grid, data }, segments);
      const read = await readNrrdLabels(bytes, "l.seg.nrrd");
      expect(read.data).toEqual(data);
      OBLIQUE.flat().forEach((value, i) => expect(read.affine!.flat()[i]).toBeCloseTo(value, 12));
      expect(read.segments).toMatchObject([{ label: one, name: "a\\b\nc" }, segments[1]]);
      const plain = await readNrrd(nrrdLabelBytes({ ...grid, data }), "l.nrrd");
      expect(plain.data).toEqual(data);
      expect(nrrdLabelBytes({ ...grid, data }, segments)).toEqual(bytes);
    }
  });

  test("without a place there is none afterwards", async () => {
    const labels: LabelVolume = { ...gridOf({ size: [2, 3, 4], pixelSpacing: [0.5, 0.25] }), data: new Uint8Array(24) }; // prettier-ignore
    const again = await readNrrdLabels(nrrdLabelBytes(labels), "l.nrrd");
    expect(again).toMatchObject({ size: [2, 3, 4], pixelSpacing: [0.5, 0.25] });
    expect(again.affine ?? again.sliceSpacing).toBeUndefined();
  });
});
