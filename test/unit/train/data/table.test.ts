import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DataError } from "../../../../src/train/data/caseFile.js";
import { parseCaseTable } from "../../../../src/train/data/table.js";

const parse = (text: string) => parseCaseTable(text, "t.csv", (path) => `/d/${path}`);

test("CSV and JSON give the same cases", () => {
  const expected = [
    { id: "a.png", image: "/d/a.png", labels: "/d/m/a.png", group: "p1", split: "train" },
    { id: "b, c.png", image: "/d/b, c.png", labels: "/d/m/b.png", group: "b, c.png" },
    { id: "v.npz", image: "/d/v.npz", labels: "/d/v.npz", group: "v.npz", split: "validation" },
  ];
  const csv =
    '\uFEFFimage,labels,split,case,age\na.png,m/a.png,train,p1,50\n"b, c.png",m/b.png,,,\nv.npz,,val,,\n';
  expect(parse(csv)).toEqual(expected);
  const json = [
    { image: "a.png", labels: "m/a.png", split: "train", case: "p1" },
    { image: "b, c.png", labels: "m/b.png" },
    { image: "v.npz", split: "validation" },
  ];
  expect(parse(JSON.stringify(json))).toEqual(expected);
});

test.each([
  ["", "t.csv: has no rows"],
  ["image,labels\n,b.png", "row 1: column image is missing"],
  ["image,labels\na.png,", "row 1: column labels is missing"],
  [
    "image,labels,split\na.png,b.png,holdout",
    'row 1: column split is "holdout"; expected train, validation or test',
  ],
  ["image,labels\na.png,b.png\na.png,c.png", "row 2: a.png is row 1 too"],
  ["image,labels\na.png,b.png,c.png", "row 1: has 3 values; expected 2, one for each column"],
  ["[1]", "row 1: is not an object"],
  ['[{"image": 3, "labels": "b"}]', "row 1: column image is 3; expected text"],
  ["[{", "is not JSON"],
])("%j is refused", (text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).toThrow(DataError);
});

test("any text gives cases or a DataError", () => {
  const json = fc.json();
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        json,
        json.map((value) => `[${value}]`),
      ),
      (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      },
    ),
  );
});
