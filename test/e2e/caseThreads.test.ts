import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { openData } from "../../src/train/data/openData.node.js";
import { folderOf, GREY, LABELS, niftiPair, npzOf, pngOf } from "../unit/train/data/files.js";
import { ROOT } from "./medsam.js";

// Threads run files of the build, so these tests run what is built.
const BUILT = pathToFileURL(join(ROOT, "dist", "train", "data", "openData.node.js")).href;

function files() {
  const nifti = niftiPair();
  const pictures = Array.from({ length: 9 }, (_, n) => [
    [`images/${n}.png`, pngOf(GREY.map((value) => (value * (n + 1)) % 256))],
    [`labels/${n}.png`, pngOf(n === 4 ? new Uint8Array(144) : LABELS)],
  ]).flat();
  return folderOf({
    ...(Object.fromEntries(pictures) as Record<string, Uint8Array>),
    "images/v.nii": nifti.image,
    "labels/v.nii": nifti.labels,
    "CT_1.npz": npzOf(),
  });
}

/** Runs a program of its own that has `openData`, and gives what it prints. */
function program(code: string): string {
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", `import { openData } from "${BUILT}";\n${code}`], { encoding: "utf8", timeout: 30_000 }); // prettier-ignore
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  return run.stdout;
}

const READ_ALL = `
  const all = async (data) => Promise.all(Array.from({ length: data.length }, (_, i) => data.read(i)));
  const plain = (cases) => cases.map(({ id, image, objects }) => [id, [...image.data], objects.map((o) => [...o.data])]);`;

test("threads give the same cases as none, and end without being asked", async () => {
  const folder = files();
  const own = await openData(folder, { threads: 0, validation: 0.3, seed: 3 });
  const ids = (data: typeof own.train) => Array.from({ length: data.length }, (_, i) => data.idOf(i));
  const cases = await Promise.all(ids(own.train).map((_, i) => own.train.read(i)));
  const expected = cases.map(({ id, image, objects }) => [
    id,
    [...image.data],
    objects.map((o) => [...o.data]),
  ]);
  const printed = program(`${READ_ALL}
    const data = await openData(${JSON.stringify(folder)}, { threads: 2, validation: 0.3, seed: 3 });
    console.log(JSON.stringify([plain(await all(data.train)), data.validation.length, data.problems]));`);
  expect(JSON.parse(printed)).toEqual([expected, own.validation.length, own.problems]);
  expect(own.problems).toHaveLength(1);
});

test("what a thread cannot read is an error of the one who asked; after close nothing is read", () => {
  const folder = files();
  const printed = program(`
    const data = await openData(${JSON.stringify(folder)}, { validation: 0 });
    await data.close();
    await data.train.read(0).catch((error) => console.log(error.message));
    await openData(${JSON.stringify(folder)}, { strict: true }).catch((error) => console.log(error.name, error.message));`);
  expect(printed).toMatch(/^the reading threads are closed\nDataError .*4.png: is empty/);
});

test("threads that were never asked do not keep the program alive", () => {
  const folder = folderOf({ "CT_1.npz": npzOf() });
  const code = `const { train } = await openData(${JSON.stringify(folder)}, { validation: 0, threads: 3 });`;
  expect(program(`${code} console.log(train.length);`)).toBe("1\n");
});
