import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { connectedComponents } from "../../../../src/image/components.js";
import { maskArea } from "../../../../src/image/mask.js";
import { DataError } from "../../../../src/train/data/caseFile.js";
import { openData, type DataOptions } from "../../../../src/train/data/openData.node.js";
import { folderOf, GREY, LABELS, niftiPair, npyOf, npzOf, pngOf, SIDE } from "./files.js";

const image = pngOf(GREY);
const labels = pngOf(LABELS);
const open = (folder: string, options: DataOptions = {}) =>
  openData(folder, { validation: 0, threads: 0, ...options });

test("a folder of pictures and label maps gives images and one object a label", async () => {
  const folder = folderOf({ "images/a.png": image, "labels/a.png": labels });
  const { train, validation, problems } = await open(folder);
  expect([train.length, validation.length, problems]).toEqual([1, 0, []]);
  expect(train.idOf(0)).toBe("images/a.png");
  const found = await train.read(0);
  expect(found.image).toEqual({ width: SIDE, height: SIDE, channels: 1, data: GREY });
  expect(found.objects.map(maskArea)).toEqual([16, 27]);
  expect(found.objects[0].data).toEqual(LABELS.map((label) => (label === 1 ? 1 : 0)));
});

test("connected pieces are objects where asked for, specks are none", async () => {
  const withSpeck = LABELS.slice();
  withSpeck[0] = 3;
  const folder = folderOf({ "images/a.png": image, "labels/a.png": pngOf(withSpeck) });
  const { objects } = await (await open(folder, { objects: "components" })).train.read(0);
  expect(objects.map(maskArea)).toEqual([16, 12, 15]);
  expect(objects.every((mask) => connectedComponents(mask).sizes.length === 1)).toBe(true);
});

test("16-bit pictures are stretched to 8 bits, by the preset that is named", async () => {
  const wide = Uint16Array.from(GREY, (value) => 1000 + 10 * value);
  const folder = folderOf({ "a.png": pngOf(wide), "a_mask.png": labels });
  const stretched = await (await open(folder)).train.read(0);
  expect([stretched.image.data[0], stretched.image.data[143]]).toEqual([0, 255]);
  const windowed = await (await open(folder, { intensity: "ct-bone" })).train.read(0);
  expect(windowed.image.data).not.toEqual(stretched.image.data);
  await expect(open(folder, { intensity: "none" })).rejects.toThrow("are not whole numbers of 0..255");
});

test("MedSAM's npy: real values of 0..1 become bytes", async () => {
  const rgb = Float64Array.from({ length: 3 * SIDE * SIDE }, (_, i) => GREY[Math.floor(i / 3)] / 143);
  const folder = folderOf({
    "imgs/CT_x-000.npy": npyOf(rgb, [SIDE, SIDE, 3]),
    "gts/CT_x-000.npy": npyOf(LABELS, [SIDE, SIDE]),
  });
  const found = await (await open(folder)).train.read(0);
  expect(found.image).toMatchObject({ width: SIDE, height: SIDE, channels: 3 });
  expect([...found.image.data.subarray(0, 6)]).toEqual([0, 0, 0, 2, 2, 2]);
  expect(found.image.data[3 * 143]).toBe(255);
  expect(found.objects.map(maskArea)).toEqual([16, 27]);
});

test("MedSAM's npz and NIfTI give the slices that have an object, a volume on one side of the split", async () => {
  const nifti = niftiPair();
  const folder = folderOf({
    "CT_1.npz": npzOf(),
    "imagesTr/v_0000.nii": nifti.image,
    "labelsTr/v.nii": nifti.labels,
  });
  const { train, validation, problems } = await open(folder, { validation: 0.5 });
  expect(problems).toEqual([]);
  const ids = [train.idOf(0), validation.idOf(0)].sort();
  expect([train.length, validation.length, ids]).toEqual([
    1,
    1,
    ["CT_1.npz slice 1", "imagesTr/v_0000.nii slice 1"],
  ]);
  for (const data of [train, validation]) {
    const found = await data.read(0);
    expect(found.objects.map(maskArea)).toEqual([16, 27]);
    const fromNpz = Uint8Array.from(GREY, (_, i) => (144 + i) % 256);
    // -856 HU and up: below the window for soft tissue.
    if (found.id.startsWith("CT_1")) expect(found.image.data).toEqual(fromNpz);
    else expect(found.image.data.every((value) => value === 0)).toBe(true);
  }
});

test("a volume is scaled as a whole, by the preset that is named", async () => {
  const nifti = niftiPair();
  const folder = folderOf({ "images/v.nii": nifti.image, "labels/v.nii": nifti.labels });
  const { image: slice } = await (await open(folder, { intensity: "range" })).train.read(0);
  // The middle third of 0..431.
  expect(slice.data[0]).toBe(Math.trunc((144 / 431) * 255));
  expect(slice.data[143]).toBe(Math.trunc((287 / 431) * 255));
});

test("a table names images, labels, sides and cases", async () => {
  const csv = "image,labels,split\nx/1.png,y/one.png,train\nx/2.png,y/two.png,validation\n";
  const folder = folderOf({ "x/1.png": image, "x/2.png": image, "y/one.png": labels, "y/two.png": labels, "t.csv": csv }); // prettier-ignore
  const { train, validation } = await open(`${folder}/t.csv`, { validation: 0.1 });
  expect([train.idOf(0), validation.idOf(0)]).toEqual(["x/1.png", "x/2.png"]);
});

test("validation may be a data set of its own", async () => {
  const folder = folderOf({ "a.png": image, "a_mask.png": labels });
  const other = folderOf({ "b.png": image, "b_mask.png": labels });
  const { train, validation } = await open(folder, { validation: other });
  expect([train.idOf(0), validation.idOf(0)]).toEqual(["a.png", "b.png"]);
});

test("what is put aside, or validates, does not train, where validation is a data set of its own", async () => {
  const sides = ["train", "val", "test", "kept"];
  const folder = folderOf(Object.fromEntries(sides.flatMap((side) => [[`${side}/a.png`, image], [`${side}/a_mask.png`, labels]]))); // prettier-ignore
  const { train, validation } = await open(folder, { validation: relative(".", join(folder, "kept")) });
  expect([train.length, train.idOf(0), validation.length]).toEqual([1, "train/a.png", 1]);
  await expect(open(join(folder, "test"), { validation: join(folder, "test") })).rejects.toThrow("give 0 to train on"); // prettier-ignore
});

const soft = Uint8Array.from(LABELS, (label, i) =>
  label === 1 ? 255 : label === 2 && i % 3 === 0 ? 1 + i : 0,
);

test.each([
  ["another size", { "b.png": image, "b_mask.png": pngOf(new Uint8Array(60).fill(1), 10, 6) }, /b_mask.png: is 10 x 6; expected 12 x 12/], // prettier-ignore
  ["an empty mask", { "b.png": image, "b_mask.png": pngOf(new Uint8Array(144)) }, /b_mask.png: is empty/],
  ["soft edges", { "b.png": image, "b_mask.png": pngOf(soft) }, /b_mask.png: has \d+ values between 1 and 255 and mostly 255.*threshold/], // prettier-ignore
  ["a damaged image", { "b.png": image.subarray(0, 60), "b_mask.png": labels }, /b.png/],
  ["a text", { "b.png": "hello", "b_mask.png": labels }, /b.png: is not a PNG/],
  ["no labels", { "b.png": image }, /b.png: has no label file named b/],
  ["labels that are none", { "b.npy": npyOf(GREY, [SIDE, SIDE]), "b_mask.npy": npyOf(Float32Array.of(0.5), [1, 1]) }, /b_mask.npy: has the label 0.5; expected integers/], // prettier-ignore
  ["values beyond", { "b.npy": npyOf(Float32Array.of(-1), [1, 1]), "b_mask.npy": npyOf(Uint8Array.of(1), [1, 1]) }, /b.npy: has the value -1; expected 0..1/], // prettier-ignore
  ["an empty volume", { "imagesTr/b.nii": niftiPair().image, "labelsTr/b.nii": niftiPair().image }, /b.nii: has the label -1000/], // prettier-ignore
])("%s is left out and said, or stops with strict", async (_what, files, reason) => {
  const folder = folderOf({ "a.png": image, "a_mask.png": labels, ...files });
  const { train, problems } = await open(folder);
  expect(train.length).toBe(1);
  expect(problems).toHaveLength(1);
  expect(problems[0].reason).toMatch(reason);
  await expect(open(folder, { strict: true })).rejects.toThrow(reason);
  await expect(open(folder, { strict: true })).rejects.toThrow(DataError);
});

test("nothing that can be used, and no such path, are errors", async () => {
  const folder = folderOf({ "a.png": image, "a_mask.png": pngOf(new Uint8Array(144)), "x.txt": "" });
  await expect(open(folder)).rejects.toThrow(
    /none of its 1 files can be used for training; the first: .*is empty/,
  );
  await expect(open(`${folder}/none`)).rejects.toThrow(/none: cannot be read \(ENOENT/);
  await expect(open(`${folder}/x.txt`)).rejects.toThrow("is neither a folder, nor a table");
});

test("an abort stops the survey with its reason", async () => {
  const folder = folderOf({ "a.png": image, "a_mask.png": labels });
  await expect(open(folder, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});
