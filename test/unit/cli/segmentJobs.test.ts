import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/errors.js";
import { collectCases, collectJobs } from "../../../src/cli/segmentJobs.js";

const folder = mkdtempSync(join(tmpdir(), "medsam-jobs-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content = "") => {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
};
const a = file("a.png");
const b = file("sub/b.png");
const otherA = file("sub/a.jpg");
const table = file(
  "boxes.csv",
  "image,x0,y0,x1,y1,label\na.png,1,2,3,4,liver\nsub/b.png,0,0,9,9,\na.png,5,5,9,9,\n",
);

describe("collectJobs", () => {
  test("gives every image every box, one object each", () => {
    const box = [1, 2, 3, 4] as const;
    const { jobs } = collectJobs([a, b], { box: [box, box] });
    expect(jobs.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(jobs[1]).toMatchObject({ image: b, targets: [{ prompt: { box } }, { prompt: { box } }] });
  });

  test("makes one object of all points and a box", () => {
    const point = [
      { point: [1, 2], label: 1 },
      { point: [5, 6], label: 0 },
    ] as const;
    const prompt = { pointCoords: [[1, 2], [5, 6]], pointLabels: [1, 0] }; // prettier-ignore
    expect(collectJobs([a], { point }).jobs[0].targets).toEqual([{ value: 1, prompt }]);
    expect(collectJobs([a], { point, box: [[0, 0, 9, 9]] }).jobs[0].targets).toEqual([
      { value: 1, prompt: { ...prompt, box: [0, 0, 9, 9] } },
    ]);
  });

  test("takes images, in their order, from a table beside them", () => {
    const { jobs } = collectJobs([], { boxes: table });
    expect(jobs.map(({ image }) => image)).toEqual([relative("", a), relative("", b)]);
    expect(jobs[0].targets).toEqual([
      { value: 1, row: 1, prompt: { box: [1, 2, 3, 4] }, label: "liver" },
      { value: 2, row: 3, prompt: { box: [5, 5, 9, 9] } },
    ]);
  });

  test("takes from a table only the images that are named", () => {
    const [job, ...others] = collectJobs([b], { boxes: table }).jobs;
    expect(others).toEqual([]);
    expect(job.targets).toEqual([{ value: 1, row: 2, prompt: { box: [0, 0, 9, 9] } }]);
  });

  test("lets a bare name in a table mean an image elsewhere", () => {
    const elsewhere = file("elsewhere/a.png");
    expect(collectJobs([elsewhere], { boxes: table }).jobs[0].targets).toHaveLength(2);
  });

  const mixed = file(
    "mixed.csv",
    "image,x0,y0,x1,y1\na.png,1,2,x,4\n,1,2,3,4\na.png,5,5,9,9\nsub/b.png,1,2,3\ngone.png,0,0,9,9\n",
  );

  test("does what it can of a table, each object with the value of its row among those of its image", () => {
    const { jobs, badRows } = collectJobs([], { boxes: mixed });
    expect(jobs).toMatchObject([
      {
        image: relative("", a),
        targets: [{ value: 2, row: 3, prompt: { box: [5, 5, 9, 9] } }],
        skipped: [{ value: 1, rows: [1], error: 'column x1 is "x"; expected a number of pixels' }],
      },
      { name: "gone", targets: [{ value: 1, row: 5 }], skipped: [] },
    ]);
    expect(badRows).toEqual([
      `${relative("", b)}: ${mixed}, row 4: has 4 values; expected 5, one for each column`,
      `${mixed}, row 2: column image is ""; expected the file name of an image`,
    ]);
  });

  test("skips an object of a volume that a bad row belongs to, and no other", () => {
    const volume = file("v.nii");
    const rows = [
      "image,x0,y0,x1,y1,slice,object",
      "v.nii,1,1,9,9,2,tumour",
      "v.nii,1,1,9,9,3,cyst",
      "v.nii,1,1,9,,4,tumour",
      "v.nii,2,2,9,9,,vein",
      "v.nii,3,3,9,9,5,",
    ];
    const { jobs, badRows } = collectCases(file("volumes.csv", rows.join("\n")));
    expect(badRows).toEqual([]);
    expect(jobs).toMatchObject([
      {
        image: relative("", volume),
        objects: [
          { label: 2, slices: { "3": { box: [1, 1, 9, 9] } } },
          { label: 4, slices: { "5": { box: [3, 3, 9, 9] } } },
        ],
        rows: { 2: [2], 4: [5] },
        skipped: [
          { value: 1, rows: [1, 3], error: 'column y1 is ""; expected a number of pixels' },
          {
            value: 3,
            rows: [4],
            error: expect.stringContaining("has a box or points without a slice") as string,
          },
        ],
      },
    ]);
  });

  test.each([
    [() => collectJobs([], { boxes: mixed, strict: true }), 'row 1: column x1 is "x"'],
    [() => collectJobs([b], { boxes: mixed }), "row 4: has 4 values"],
    [() => collectCases(file("w.csv", "image,x0,y0,x1,y1,slice\na.png,1,1,9,9,2\na.png,1,1,9,9,\n"), true), "w.csv, row 2: has a box or points without"], // prettier-ignore
    [() => collectJobs([], { box: [[0, 0, 1, 1]] }), "no image"],
    [() => collectJobs([a], {}), "no prompt"],
    [() => collectJobs([a], { boxes: table, box: [[0, 0, 1, 1]] }), "--boxes goes without --box"],
    [
      () => collectJobs([a], { box: [[0, 0, 1, 1], [0, 0, 2, 2]], point: [{ point: [1, 1], label: 1 }] }), // prettier-ignore
      "not clear which object",
    ],
    [() => collectJobs([a, otherA], { box: [[0, 0, 1, 1]] }), "would both write a.json"],
    [() => collectJobs([a, a], { box: [[0, 0, 1, 1]] }), "would both write a.json"],
    [() => collectJobs([file("c.png")], { boxes: table }), "has no row for"],
  ])("refuses wrong use %#: %s", (collect, message) => {
    expect(collect).toThrow(UsageError);
    expect(collect).toThrow(message);
  });
  test.each([
    [() => collectJobs([join(folder, "none.png")], { box: [[0, 0, 1, 1]] }), "none.png: no such file"],
    [() => collectJobs([folder], { box: [[0, 0, 1, 1]] }), "is a folder; name the images in it"],
    [() => collectJobs([], { boxes: file("gone.csv", "image,x0,y0,x1,y1\na.png,0,0,9,9\ngone.png,0,0,9,9\n"), strict: true }), "gone.png: no such file"], // prettier-ignore
    [() => collectJobs([], { boxes: file("gone.csv", "image,x0,y0,x1,y1\ngone.png,0,0,9,9\n") }), "gone.png: no such file"], // prettier-ignore
    [() => collectJobs([], { boxes: join(folder, "none.csv") }), "none.csv: cannot be read"],
  ])("says which file cannot be used %#: %s", (collect, message) => {
    expect(collect).toThrow(message);
  });
});
