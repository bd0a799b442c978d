import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { checkVideoPrompts, videoObjects, type VideoPromptOptions } from "../../../src/cli/videoPrompts.js";
import { encodeLabelPng } from "../../../src/image/encode.js";
import { numberName, type Video } from "../../../src/video/video.js";

const video: Video = {
  ...{ name: "clips/heart.dcm", count: 9, width: 4, height: 2, warnings: [], frameName: numberName },
  read: () => Promise.reject(new Error("is not read")),
  close: () => Promise.resolve(),
};
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "medsam-prompts-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});
const write = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const labels = (...data: number[]) => encodeLabelPng({ width: 4, height: 2, data: Uint8Array.from(data) });
const points = (...labelled: [number, number, 0 | 1][]) => labelled.map(([x, y, label]) => ({ point: [x, y] as const, label })); // prettier-ignore

/** Objects as plain data. */
async function asked(options: VideoPromptOptions) {
  checkVideoPrompts(options);
  return (await videoObjects(video, options)).map(({ label, prompts }) => ({ label, ...Object.fromEntries(prompts) })); // prettier-ignore
}

test("boxes are objects; points are one, with a box if there is one", async () => {
  const [box, other] = [[0, 0, 2, 2], [1, 0, 3, 2]] as const; // prettier-ignore
  expect(await asked({ frame: 3, box: [box, other] })).toEqual([
    { label: 1, 3: { box } },
    { label: 2, 3: { box: other } },
  ]);
  expect(await asked({ frame: 0, box: [box], point: points([1, 1, 1], [3, 0, 0]) })).toEqual([
    { label: 1, 0: { box, pointCoords: [[1, 1], [3, 0]], pointLabels: [1, 0] } }, // prettier-ignore
  ]);
});

test("boxes and points with their frames are one object, besides those of --frame", async () => {
  const box = [0, 0, 2, 2] as const;
  const [inside, outside] = points([1, 1, 1], [3, 0, 0]);
  expect(
    await asked({
      frame: 3,
      box: [box],
      frameBox: [[5, box]],
      framePoint: [
        [5, inside],
        [7, outside],
      ],
    }),
  ).toEqual([
    // prettier-ignore
    { label: 1, 3: { box } },
    { label: 2, 5: { box, pointCoords: [[1, 1]], pointLabels: [1] }, 7: { pointCoords: [[3, 0]], pointLabels: [0] } }, // prettier-ignore
  ]);
});

test("rows of a table with the same object are one", async () => {
  const table = write("t.csv", 'frame,object,x0,y0,x1,y1,points\n2,a,0,0,2,2,\n2,b,,,,,"1,1"\n6,a,,,,,"1,1; 3,0,0"\n8,,0,0,1,1,\n'); // prettier-ignore
  expect(await asked({ prompts: table })).toEqual([
    { label: 1, 2: { box: [0, 0, 2, 2] }, 6: { pointCoords: [[1, 1], [3, 0]], pointLabels: [1, 0] } }, // prettier-ignore
    { label: 2, 2: { pointCoords: [[1, 1]], pointLabels: [1] } },
    { label: 3, 8: { box: [0, 0, 1, 1] } },
  ]);
});

test("masks are of one frame, or of those that they are named after; labels keep their values", async () => {
  const file = write("mask.png", labels(0, 7, 7, 0, 0, 2, 0, 0));
  const mask = (...data: number[]) => ({ mask: { width: 4, height: 2, data: Uint8Array.from(data) } });
  expect(await asked({ frame: 4, mask: file })).toEqual([
    { label: 2, 4: mask(0, 0, 0, 0, 0, 1, 0, 0) },
    { label: 7, 4: mask(0, 1, 1, 0, 0, 0, 0, 0) },
  ]);
  mkdirSync(join(folder, "drawn"));
  write("drawn/00008.png", labels(1, 0, 0, 0, 0, 0, 0, 0));
  write("drawn/00001.png", labels(0, 0, 0, 1, 0, 0, 0, 0));
  write("drawn/notes.txt", "not a mask");
  expect(await asked({ mask: join(folder, "drawn") })).toEqual([
    { label: 1, 1: mask(0, 0, 0, 1, 0, 0, 0, 0), 8: mask(1, 0, 0, 0, 0, 0, 0, 0) },
  ]);
});

describe("refused:", () => {
  const box = [[0, 0, 2, 2]] as const;
  test.each<[string, VideoPromptOptions, RegExp]>([
    ["no prompt", {}, /^no prompt: expected --box x0,y0,x1,y1 --frame k/],
    [
      "a box in no frame",
      { box },
      /heart\.dcm: has 9 frames; expected --frame 0 to 8, the one that --box is/,
    ],
    ["points in no frame", { point: points([1, 1, 1]) }, /the one that --point is drawn in/],
    [
      "a frame without prompts",
      { frame: 1, frameBox: [[2, box[0]]] },
      /^--frame goes with --box, --point and/,
    ],
    ["a mask with a box", { box, frame: 1, mask: "a.png" }, /^--mask goes without other prompts/],
    ["a table with a mask", { prompts: "a.csv", mask: "a.png" }, /^--mask goes without other prompts/],
    ["points with two boxes", { frame: 1, box: [...box, ...box], point: points([1, 1, 1]) }, /with 2 boxes/],
    ["two boxes of one object in a frame", { frameBox: [[2, box[0]], [2, box[0]]] }, /frame 2 has two boxes/], // prettier-ignore
    ["a table that is not there", { prompts: "none.csv" }, /none\.csv: cannot be read/],
    ["a mask that is not there", { frame: 1, mask: "none.png" }, /none\.png: cannot be read/],
  ])("%s", async (_, options, message) => {
    await expect(asked(options)).rejects.toThrow(message);
  });

  test.each([
    [
      "no frame",
      "frame,x0,y0,x1,y1\n,0,0,2,2\n",
      /t\.csv, row 1: column frame is ""; expected the number of a frame/,
    ],
    ["half a frame", "frame,x0,y0,x1,y1\n1.5,0,0,2,2\n", /column frame is "1\.5"/],
    ["a box without a side", "frame,x0,y0,x1\n1,0,0,2\n", /row 1: column y1 is missing/],
    ["an object twice in a frame", "frame,object,x0,y0,x1,y1\n1,a,0,0,2,2\n1,a,0,0,2,2\n", /row 2: object "a" has two rows in frame 1/], // prettier-ignore
  ])("a table with %s", async (_, text, message) => {
    await expect(asked({ prompts: write("t.csv", text) })).rejects.toThrow(message);
  });

  test("masks of another size, of nothing, of no frame, and a folder with --frame", async () => {
    const small = encodeLabelPng({ width: 2, height: 2, data: Uint8Array.of(0, 1, 0, 0) });
    await expect(asked({ frame: 0, mask: write("s.png", small) })).rejects.toThrow("is 2 x 2 pixels; expected 4 x 2"); // prettier-ignore
    const nothing = write("n.png", labels(0, 0, 0, 0, 0, 0, 0, 0));
    await expect(asked({ frame: 0, mask: nothing })).rejects.toThrow("has no pixel that is not 0");
    mkdirSync(join(folder, "drawn"));
    await expect(asked({ mask: join(folder, "drawn") })).rejects.toThrow("has no masks; expected PNG files");
    write("drawn/frame9.png", labels(1, 0, 0, 0, 0, 0, 0, 0));
    await expect(asked({ mask: join(folder, "drawn") })).rejects.toThrow(
      "frame9.png: is named after no frame of heart.dcm; expected names such as 00000.png",
    );
    await expect(asked({ frame: 0, mask: join(folder, "drawn") })).rejects.toThrow("leave --frame out");
  });
});
