import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DataError } from "../../../../src/train/data/caseFile.js";
import { pairFiles } from "../../../../src/train/data/pairs.js";

/** Image, labels and group of each case, as they lie in the folder `d`. */
function pairsOf(files: readonly string[]): string[] {
  return pairFiles(files, "d").cases.map(({ image, labels, group }) =>
    [image, labels, group].map((part) => part.replace(/^d\//, "")).join(" | "),
  );
}

test.each([
  {
    layout: "folders with the same names",
    files: ["images/a.png", "images/b.tif", "labels/a.png", "labels/b.png", "README.md"],
    pairs: ["images/a.png | labels/a.png | a", "images/b.tif | labels/b.png | b"],
  },
  {
    layout: "suffixes in folders",
    files: ["Images/a_0000.png", "masks/a_mask.png", "Images/b.jpg", "masks/b_Label.png"],
    pairs: ["Images/a_0000.png | masks/a_mask.png | a", "Images/b.jpg | masks/b_Label.png | b"],
  },
  {
    layout: "side by side",
    files: ["a.png", "a_mask.png", "b.jpg", "b-seg.png"],
    pairs: ["a.png | a_mask.png | a", "b.jpg | b-seg.png | b"],
  },
  {
    layout: "3D Slicer's segmentations beside their images, MetaImage and pairs with what they hold",
    files: ["a.nrrd", "a.seg.nrrd", "b.mha", "b_seg.mha", "c.mhd", "c.raw", "c_labels.hdr", "c_labels.img"],
    pairs: ["a.nrrd | a.seg.nrrd | a", "b.mha | b_seg.mha | b", "c.mhd | c_labels.hdr | c"],
  },
  {
    layout: "MedSAM's npy, grouped by volume",
    files: ["gts/CT_Abd_x-000.npy", "gts/CT_Abd_x-001.npy", "imgs/CT_Abd_x-000.npy", "imgs/CT_Abd_x-001.npy"],
    pairs: [
      "imgs/CT_Abd_x-000.npy | gts/CT_Abd_x-000.npy | CT_Abd_x",
      "imgs/CT_Abd_x-001.npy | gts/CT_Abd_x-001.npy | CT_Abd_x",
    ],
  },
  {
    layout: "MedSAM's npz",
    files: ["CT_1.npz", "CT_2.npz"],
    pairs: ["CT_1.npz | CT_1.npz | CT_1", "CT_2.npz | CT_2.npz | CT_2"],
  },
  {
    layout: "nnU-Net's names",
    files: ["imagesTr/liver_1_0000.nii.gz", "labelsTr/liver_1.nii.gz", "dataset.json"],
    pairs: ["imagesTr/liver_1_0000.nii.gz | labelsTr/liver_1.nii.gz | liver_1"],
  },
  {
    layout: "DICOM series as folders, films as folders",
    files: ["images/p1/1.dcm", "images/p1/2.dcm", "labels/p1.nii.gz", "images/v/1.png", "labels/v/1.png"],
    pairs: ["images/p1 | labels/p1.nii.gz | p1", "images/v/1.png | labels/v/1.png | v"],
  },
])("$layout", ({ files, pairs }) => {
  expect(pairsOf(files)).toEqual(pairs);
  expect(pairFiles(files, "d").problems).toEqual([]);
});

test("a folder says the split, and equal names on both sides are different cases", () => {
  const files = ["train/images/1.png", "train/labels/1.png", "val/images/1.png", "val/labels/1.png", "images/test/2.png", "labels/test/2.png"]; // prettier-ignore
  const { cases } = pairFiles(files, "d");
  expect(cases.map(({ split }) => split)).toEqual(["train", "validation", "test"]);
  expect(new Set(cases.map(({ group }) => group)).size).toBe(3);
});

test("what has no partner is named, the rest is paired", () => {
  const { cases, problems } = pairFiles(
    ["images/a.png", "images/b.png", "labels/b.png", "labels/c.png"],
    "d",
  );
  expect(cases.map(({ id }) => id)).toEqual(["images/b.png"]);
  expect(problems).toEqual([
    { id: "images/a.png", reason: "has no label file named a" },
    { id: "labels/c.png", reason: "has no image named c" },
  ]);
});

test("two files for one place, and folders without a layout, are errors that say what to do", () => {
  const both = ["images/a.png", "labels/a.png", "labels/a_mask.tif"];
  expect(() => pairFiles(both, "d")).toThrow(
    "labels/a.png and labels/a_mask.tif are labels of the same image a",
  );
  expect(() => pairFiles([...both.slice(0, 2), "images/a.jpg"], "d")).toThrow(
    "are images of the same name a",
  );
  expect(() => pairFiles(["x.png", "y.png"], "d")).toThrow(
    /d: has 2 images and 0 label files.*expected folders/,
  );
  expect(() => pairFiles([], "d")).toThrow(DataError);
});

test("every file is used once or named, whatever the names", () => {
  const part = fc.constantFrom("images", "labels", "train", "val", "a", "b", "c_mask", "d_0000", "x");
  const file = fc.tuple(
    fc.array(part, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("png", "npy", "nii.gz", "txt"),
  );
  const files = fc.uniqueArray(
    file.map(([parts, ending]) => `${parts.join("/")}.${ending}`),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(files, (list) => {
      try {
        const { cases, problems } = pairFiles(list, "d");
        const used = [...cases.flatMap(({ image, labels }) => [image.slice(2), labels.slice(2)]), ...problems.map(({ id }) => id)]; // prettier-ignore
        expect(used.sort()).toEqual(list.filter((name) => !name.endsWith("txt")).sort());
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
      }
    }),
  );
});
