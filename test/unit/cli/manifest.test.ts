import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/errors.js";
import { isBad, parseManifest } from "../../../src/cli/manifest.js";

const HEADER = "image,x0,y0,x1,y1,label\n";

describe("parseManifest", () => {
  test("reads CSV, with quotes, a byte order mark, blanks and other columns", () => {
    const csv =
      '\uFEFFimage,note, x0,y0,x1,y1,label\r\n"a, b.png",x,1,2.5, 3,4,liver\r\n\r\nc.png,,0,0,9,9,\r\n';
    expect(parseManifest(csv, "boxes.csv")).toEqual([
      { row: 1, image: "a, b.png", box: [1, 2.5, 3, 4], label: "liver" },
      { row: 2, image: "c.png", box: [0, 0, 9, 9] },
    ]);
  });

  test.each([";", "\t", ","])("reads columns parted by %j, whatever their capitals", (separator) => {
    const rows = [
      ["Image", "X0", "Y0", "x1", "Y1", "LABEL", "Points"],
      ["a.png", "1", "2.5", "3", "4", "Liver", '"7,8,1; 9,9,0"'],
    ];
    const text = `\uFEFF${rows.map((row) => row.join(separator)).join("\r\n")}`;
    expect(parseManifest(text, "boxes.csv")).toEqual([
      {
        ...{ row: 1, image: "a.png", box: [1, 2.5, 3, 4], label: "Liver" },
        points: [
          { point: [7, 8], label: 1 },
          { point: [9, 9], label: 0 },
        ],
      },
    ]);
  });

  test("reads JSON, with a byte order mark", () => {
    const json = '\uFEFF[{"image":"a.png","x0":1,"y0":2,"x1":3,"y1":4,"label":"liver"}]';
    expect(parseManifest(json, "boxes.json")).toEqual([
      { row: 1, image: "a.png", box: [1, 2, 3, 4], label: "liver" },
    ]);
  });

  test.each([
    ["", "has no rows"],
    [HEADER, "has no rows"],
    ["[]", "has no rows"],
    ["[1]", "row 1: is not an object"],
    ["[{", "is not JSON"],
    ['[{"x0":1}]', "row 1: column image is missing; expected the file name"],
    [HEADER + "a.png,1,2,3,x,", 'row 1: column y1 is "x"; expected a number of pixels'],
    [HEADER + "a.png,1,2,3,,", 'row 1: column y1 is ""; expected a number'],
    [HEADER + "a.png,1,2,3", "row 1: has 4 values; expected 6, one for each column"],
    [HEADER + '"a.png,1,2,3,4,', "is not CSV"],
    [HEADER + "a.png,5,2,3,4,", "row 1: box [5,2,3,4] is empty or turned around"],
    [HEADER + "a.png,-5,2,-3,4,", "row 1: box [-5,2,-3,4] lies wholly outside any image"],
    ["image|x0|y0|x1|y1\na.png|1|2|3|4", "column image is missing"],
    ["image,x0,y0,x1,Image\na.png,1,2,3,4", "boxes.csv: has the column image twice"],
    ['[{"image":"a.png","x0":1,"y0":2,"x1":3,"y1":4,"label":7}]', "column label is 7; expected text"],
    ['[{"image":"a.png","x0":1,"y0":2,"x1":3,"y1":4,"case":"../a"}]', 'column case is "../a"; expected text'],
    ['[{"image":"a.png","x0":1,"y0":2,"x1":3,"y1":4,"case":3}]', "column case is 3; expected text"],
    ['[{"image":"a.png","x0":true,"y0":2,"x1":3,"y1":4}]', "column x0 is true; expected a number"],
  ])("refuses %j: %s", (text, message) => {
    expect(() => parseManifest(text, "boxes.csv")).toThrow(UsageError);
    expect(() => parseManifest(text, "boxes.csv")).toThrow(`boxes.csv`);
    expect(() => parseManifest(text, "boxes.csv")).toThrow(message);
  });

  const MIXED = `${HEADER}a.png,1,2,3,4,\na.png,1,2,3,x,\n,1,2,3,4,\nb.png,1,2,3\nb.png,0,0,9,9,liver\n`;

  test("keeps bad rows apart, with the image that they are of where it can be told", () => {
    expect(parseManifest(MIXED, "boxes.csv")).toEqual([
      { row: 1, image: "a.png", box: [1, 2, 3, 4] },
      { row: 2, image: "a.png", error: 'column y1 is "x"; expected a number of pixels' },
      { row: 3, error: 'column image is ""; expected the file name of an image' },
      { row: 4, image: "b.png", error: "has 4 values; expected 6, one for each column" },
      { row: 5, image: "b.png", box: [0, 0, 9, 9], label: "liver" },
    ]);
  });

  test("refuses a table with a bad row when it is strict", () => {
    const read = () => parseManifest(MIXED, "boxes.csv", true);
    expect(read).toThrow(UsageError);
    expect(read).toThrow('boxes.csv, row 2: column y1 is "x"; expected a number of pixels');
  });

  test("takes null in JSON for nothing, as pandas writes it", () => {
    const json = '[{"image":"a.png","x0":1,"y0":2,"x1":3,"y1":4,"slice":null,"label":null}]';
    expect(parseManifest(json, "t")).toEqual([{ row: 1, image: "a.png", box: [1, 2, 3, 4] }]);
  });

  test("gives rows or a UsageError on any text", () => {
    const nearlyCsv = fc
      .array(fc.array(fc.oneof(fc.string(), fc.double().map(String), fc.constant('"'))), { maxLength: 5 })
      .map((rows) => HEADER + rows.map((row) => row.join(",")).join("\n"));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), nearlyCsv), (text) => {
        try {
          for (const row of parseManifest(text, "t")) {
            expect(row.image).not.toBe("");
            if (!isBad(row)) expect(row.box?.every(Number.isFinite)).toBe(true);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("tables of volumes and points", () => {
  test("slices, 3D boxes, objects of several rows, and points", () => {
    const text =
      "image,x0,y0,x1,y1,slice,z0,z1,object,points\n" +
      "v.nii,1,2,3,4,7,,,a,\nv.nii,1,2,3,5,9,,,a,\nv.nii,,,,,11,,,a,\"6,7\"\nw.nii,1,2,3,4,,2,5,,\np.png,,,,,,,,,\"8,9,1; 3,4,0\"\np.png,1,2,30,40,,,,,\"8,9,1\"\n"; // prettier-ignore
    expect(parseManifest(text, "t")).toEqual([
      { row: 1, image: "v.nii", box: [1, 2, 3, 4], slice: 7, object: "a" },
      { row: 2, image: "v.nii", box: [1, 2, 3, 5], slice: 9, object: "a" },
      { row: 3, image: "v.nii", points: [{ point: [6, 7], label: 1 }], slice: 11, object: "a" },
      { row: 4, image: "w.nii", box: [1, 2, 3, 4], slices: [2, 5] },
      { row: 5, image: "p.png", points: [{ point: [8, 9], label: 1 }, { point: [3, 4], label: 0 }] }, // prettier-ignore
      { row: 6, image: "p.png", box: [1, 2, 30, 40], points: [{ point: [8, 9], label: 1 }] },
    ]);
  });

  test.each([
    ["v.nii,1,2,3,4,x,,,", 'column slice is "x"; expected the number of a slice'],
    ["v.nii,1,2,3,4,-1,,,", 'column slice is "-1"; expected the number of a slice'],
    ["v.nii,1,2,3,4,,4,,", 'column z1 is ""; expected the number of a slice'],
    ["v.nii,1,2,3,4,,4,2,", "z0 is 4 and z1 2"],
    ["v.nii,1,2,3,4,3,4,5,", "has slice and z0, z1"],
    ['v.nii,,,,,,3,5,"1,2,1"', "column points with z0 and z1"],
    ['v.nii,,,,,,,,"1"', 'column points is "1"'],
    ["v.nii,,,,,,,,", 'column x0 is ""'],
  ])("%s is refused", (row, message) => {
    expect(() => parseManifest(`image,x0,y0,x1,y1,slice,z0,z1,points\n${row}\n`, "t")).toThrow(message);
  });
});
