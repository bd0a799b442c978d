import { InvalidArgumentError } from "commander";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { UsageError } from "../../../src/cli/errors.js";
import { collectPoint, collectRecist, collectSlicePoint } from "../../../src/cli/prompts.js";
import {
  checkVolumePrompts,
  fromPrompts,
  objectsOf,
  toPrompts,
  volumePrompts,
  type VolumePromptOptions,
} from "../../../src/cli/volumePrompts.js";
import { npzBytes } from "../../../src/volume/npzWrite.js";
import type { Volume } from "../../../src/volume/volume.js";

const volume: Volume = {
  ...{ name: "v.nii", size: [40, 30, 9], frames: 1, channels: 1, slope: 1, intercept: 0, warnings: [] },
  data: new Uint8Array(40 * 30 * 9),
};
const BOX = [1, 2, 9, 8] as const;
const at = (x: number, y: number, label: 0 | 1 = 1) => ({ point: [x, y] as const, label });

describe("points as they are written", () => {
  test.each([
    ["4,5", at(4, 5)],
    ["4,5,1", at(4, 5)],
    [" 4.5 , 5 , 0", at(4.5, 5, 0)],
  ])("%s", (text, point) => {
    expect(collectPoint(text, [at(1, 1)])).toEqual([at(1, 1), point]);
    expect(collectSlicePoint(`7,${text}`, [[3, at(1, 1)]])).toEqual([
      [3, at(1, 1)],
      [7, point],
    ]);
  });

  test.each(["", "4", "4,", "4,5,", "4,5,2", "4,5,1,1", "a,5", "-1,5", "4,5,-0.5"])(
    "%j is refused",
    (text) => {
      expect(() => collectPoint(text)).toThrow(InvalidArgumentError);
      expect(() => collectSlicePoint(`7,${text}`)).toThrow(InvalidArgumentError);
    },
  );

  test.each(["7", "-1,4,5", "1.5,4,5", ",4,5", "k,4,5"])("a slice %j is refused", (text) => {
    expect(() => collectSlicePoint(text)).toThrow(/Expected k,x,y or k,x,y,0: the slice, counted from 0/);
  });
});

describe("a RECIST line as it is written", () => {
  test("is four numbers, or a file of labels", () => {
    expect(collectRecist("10,5, 16.5,13", collectRecist("lines.nii.gz"))).toEqual([
      "lines.nii.gz",
      [10, 5, 16.5, 13],
    ]);
  });

  test.each(["", "4", "1,2,3", "1,2,3,4,5"])("%j is refused", (text) => {
    expect(() => collectRecist(text)).toThrow(
      /four numbers x0,y0,x1,y1, the ends of the line in pixels, or a file/,
    );
  });
});

describe("objects from a command line", () => {
  const told = async (options: VolumePromptOptions) => {
    checkVolumePrompts(options);
    return toPrompts((await objectsOf(volume, 2, options)).objects);
  };

  test("a RECIST line is the square around it", async () => {
    expect(await told({ recist: [[10, 5, 16, 13]], box: [BOX], slice: 3 })).toEqual([
      { label: 1, slices: { 3: { box: BOX } } },
      { label: 2, slices: { 3: { box: [8, 4, 18, 14] } } },
    ]);
    await expect(told({ recist: [[1, 1, 9, 9]] })).rejects.toThrow(/the one that --recist is drawn in/);
    await expect(told({ recist: [[10, 5, 16, 33]], slice: 3 })).rejects.toThrow(/within 40 x 30 pixels/);
  });

  test("a file of RECIST lines makes an object of each label; of an npz its array recist", async () => {
    const recist = new Uint8Array(volume.data.length);
    for (const [x, y] of [[10, 5], [13, 9], [16, 13]]) recist[x + 40 * (y + 30 * 3)] = 4; // prettier-ignore
    const folder = mkdtempSync(join(tmpdir(), "medsam-lines-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "lines.npz");
    const shape = [9, 30, 40];
    writeFileSync(file, npzBytes({ gts: { shape, data: volume.data }, recist: { shape, data: recist } })); // prettier-ignore
    expect(await told({ recist: [file] })).toEqual([{ label: 4, slices: { 3: { box: [8, 4, 18, 14] } } }]);
  });

  test("points in a slice are one object, with the box if there is one", async () => {
    const point = [at(4, 5), at(20, 20, 0)];
    expect(await told({ point, slice: 3 })).toEqual([{ label: 1, slices: { 3: { points: point } } }]);
    expect(await told({ point, box: [BOX], slice: 3 })).toEqual([
      { label: 1, slices: { 3: { box: BOX, points: point } } },
    ]);
  });

  test("what names its slice is one object; others come beside it", async () => {
    const options: VolumePromptOptions = {
      box: [BOX],
      slice: 4,
      sliceBox: [[2, BOX]],
      slicePoint: [
        [2, at(4, 5)],
        [6, at(5, 5)],
        [2, at(20, 20, 0)],
      ],
      box3d: [[1, 2, 1, 9, 8, 6]],
    };
    expect(await told(options)).toEqual([
      { label: 1, slices: { 4: { box: BOX } } },
      { label: 2, slices: { 2: { box: BOX, points: [at(4, 5), at(20, 20, 0)] }, 6: { points: [at(5, 5)] } } },
      { label: 3, slices: { 3: { box: BOX } }, within: [1, 6] },
    ]);
  });

  test("a volume of one slice needs none named", async () => {
    const flat = { ...volume, size: [40, 30, 1] as const };
    expect((await objectsOf(flat, 2, { point: [at(4, 5)] })).objects).toMatchObject([{ label: 1 }]);
    await expect(objectsOf(volume, 2, { point: [at(4, 5)] })).rejects.toThrow(
      "v.nii: has 9 slices; expected --slice 0 to 8, the one that --point is drawn in",
    );
  });

  test.each<[VolumePromptOptions, RegExp]>([
    [{}, /no prompt: expected --box .*--slice-point.*--mask/],
    [{ slice: 3, slicePoint: [[3, at(1, 1)]] }, /--slice goes with --box, --point and --recist/],
    [{ point: [at(1, 1)], box: [BOX, BOX], slice: 1 }, /--point with 2 boxes: it is not clear which/],
    [{ mask: "m.nii", point: [at(1, 1)], slice: 1 }, /--mask goes without other prompts/],
    [{ recist: ["m.nii"], box: [BOX], slice: 1 }, /--recist FILE goes without other prompts/],
    [{ recist: ["m.nii", "n.nii"] }, /--recist FILE goes without other prompts/],
    [{ mask: "m.nii", promptsFrom: "t.nii" }, /--mask goes without other prompts/],
    [{ promptsFrom: "t.nii", slicePoint: [[1, at(1, 1)]] }, /--prompts-from goes without other prompts/],
    [{ mask: "m.nii", pieces: true }, /--pieces goes with --prompts-from/],
  ])("that is not clear is refused: %#", (options, message) => {
    expect(() => checkVolumePrompts(options)).toThrow(UsageError);
    expect(() => checkVolumePrompts(options)).toThrow(message);
  });
});

describe("objects from a table", () => {
  const image = "v.nii";

  test("points in slices, beside boxes; plain values come back as they were", () => {
    const rows = [
      { row: 1, image, object: "a", slice: 2, points: [at(4, 5), at(20, 20, 0)] },
      { row: 2, image, object: "a", slice: 6, box: BOX, points: [at(5, 5)] },
      { row: 3, image, slices: [1, 4] as const, box: BOX },
    ];
    const { objects: prompts } = volumePrompts(rows);
    expect(prompts).toEqual([
      { label: 1, slices: { 2: { points: [at(4, 5), at(20, 20, 0)] }, 6: { box: BOX, points: [at(5, 5)] } } },
      { label: 2, slices: { 2: { box: BOX } }, within: [1, 4] },
    ]);
    expect(toPrompts(fromPrompts(JSON.parse(JSON.stringify(prompts)) as typeof prompts))).toEqual(prompts);
  });

  test.each([
    [[{ row: 1, image, points: [at(1, 1)] }], /^has a box or points without a slice/],
    [[{ row: 1, image, slices: [1, 4] as const, points: [at(1, 1)] }], /^has z0 and z1 with points/],
    [
      [
        { row: 1, image, object: "a", slice: 2, box: BOX },
        { row: 2, image, object: "a", slice: 2, points: [at(1, 1)] },
      ],
      /two rows in slice 2/,
    ],
    [
      [
        { row: 1, image, object: "a", slice: 2, box: BOX },
        { row: 2, image, object: "a", error: "column x0 is missing" },
      ],
      /^column x0 is missing/,
    ],
  ])("are skipped without a place, and no other: %#", (rows, error) => {
    const good = { row: 9, image, slice: 3, box: BOX };
    expect(volumePrompts([...rows, good])).toMatchObject({
      objects: [{ label: 2, slices: { 3: { box: BOX } } }],
      rows: { 2: [9] },
      skipped: [
        { value: 1, rows: rows.map(({ row }) => row), error: expect.stringMatching(error) as string },
      ],
    });
  });
});
