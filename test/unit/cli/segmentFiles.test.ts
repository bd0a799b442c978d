import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { assertMayOverwrite, writeAll } from "../../../src/cli/resultFiles.js";
import { outputFiles } from "../../../src/cli/segmentFiles.js";

const job = { image: "a.png", name: "a", targets: [] };
let folder: string;
const assertMayWrite = (out: string) => assertMayOverwrite({ ...outputFiles(job, out) }, "segment");
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "medsam-files-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

test("an empty folder and one that does not exist are free", () => {
  assertMayWrite(folder);
  assertMayWrite(join(folder, "none"));
  expect(readdirSync(folder)).toEqual([]);
});

test("a mask that someone drew is not overwritten", () => {
  writeFileSync(join(folder, "a_mask.png"), "");
  expect(() => assertMayWrite(folder)).toThrow("a_mask.png: is there already");
});

test("annotations of other programs are not overwritten", () => {
  writeFileSync(join(folder, "a.json"), '{"version":"5","shapes":[]}');
  expect(() => assertMayWrite(folder)).toThrow("a.json: is there already");
});

test("an earlier result is", () => {
  writeFileSync(join(folder, "a_mask.png"), "");
  writeFileSync(join(folder, "a.json"), '{"provenance":{"package":"medsam-tfjs"}}');
  assertMayWrite(folder);
});

test("a file that only speaks of this package is someone else's", () => {
  for (const text of ['{"note":"medsam-tfjs"}', '{"provenance":"medsam-tfjs"}', '"medsam-tfjs"', "null"]) {
    writeFileSync(join(folder, "a.json"), text);
    expect(() => assertMayWrite(folder)).toThrow("a.json: is there already");
  }
});

test("of several files all are written or none", async () => {
  const at = (name: string) => join(folder, "out", name);
  await writeAll([
    [at("a.json"), "{}"],
    [at("a.png"), Uint8Array.of(1)],
  ]);
  const halfway = {} as Uint8Array; // cannot be written
  await expect(
    writeAll([
      [at("a.json"), "{1}"],
      [at("a.png"), halfway],
    ]),
  ).rejects.toThrow(/out: cannot be written to \(.*\); nothing was written$/);
  expect(readdirSync(join(folder, "out")).sort()).toEqual(["a.json", "a.png"]);
  expect(readFileSync(at("a.json"), "utf8")).toBe("{}");
});
