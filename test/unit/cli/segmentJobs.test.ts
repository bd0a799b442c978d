import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/errors.js";
import { collectJobs } from "../../../src/cli/segmentJobs.js";

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
    const jobs = collectJobs([a, b], { box: [box, box] });
    expect(jobs.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(jobs[1]).toMatchObject({ image: b, targets: [{ prompt: { box } }, { prompt: { box } }] });
  });

  test("makes one object of all points and a box", () => {
    const point = [
      { point: [1, 2], label: 1 },
      { point: [5, 6], label: 0 },
    ] as const;
    const prompt = { pointCoords: [[1, 2], [5, 6]], pointLabels: [1, 0] }; // prettier-ignore
    expect(collectJobs([a], { point })[0].targets).toEqual([{ prompt }]);
    expect(collectJobs([a], { point, box: [[0, 0, 9, 9]] })[0].targets).toEqual([
      { prompt: { ...prompt, box: [0, 0, 9, 9] } },
    ]);
  });

  test("takes images, in their order, from a table beside them", () => {
    const jobs = collectJobs([], { boxes: table });
    expect(jobs.map(({ image }) => image)).toEqual([relative("", a), relative("", b)]);
    expect(jobs[0].targets).toEqual([
      { prompt: { box: [1, 2, 3, 4] }, label: "liver" },
      { prompt: { box: [5, 5, 9, 9] } },
    ]);
  });

  test("takes from a table only the images that are named", () => {
    const [job, ...others] = collectJobs([b], { boxes: table });
    expect(others).toEqual([]);
    expect(job.targets).toEqual([{ prompt: { box: [0, 0, 9, 9] } }]);
  });

  test("lets a bare name in a table mean an image elsewhere", () => {
    const elsewhere = file("elsewhere/a.png");
    expect(collectJobs([elsewhere], { boxes: table })[0].targets).toHaveLength(2);
  });

  test.each([
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
    [() => collectJobs([], { boxes: join(folder, "none.csv") }), "none.csv: cannot be read"],
  ])("says which file cannot be used %#: %s", (collect, message) => {
    expect(collect).toThrow(message);
  });
});
