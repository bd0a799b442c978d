import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { assertMayWrite } from "../../../src/cli/segmentFiles.js";

const job = { image: "a.png", name: "a", targets: [] };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "medsam-files-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

test("an empty folder and one that does not exist are free", () => {
  assertMayWrite(job, folder);
  assertMayWrite(job, join(folder, "none"));
  expect(readdirSync(folder)).toEqual([]);
});

test("a mask that someone drew is not overwritten", () => {
  writeFileSync(join(folder, "a_mask.png"), "");
  expect(() => assertMayWrite(job, folder)).toThrow("a_mask.png: is there already");
});

test("annotations of other programs are not overwritten", () => {
  writeFileSync(join(folder, "a.json"), '{"version":"5","shapes":[]}');
  expect(() => assertMayWrite(job, folder)).toThrow("a.json: is there already");
});

test("an earlier result is", () => {
  writeFileSync(join(folder, "a_mask.png"), "");
  writeFileSync(join(folder, "a.json"), '{"provenance":{"package":"medsam-tfjs"}}');
  assertMayWrite(job, folder);
});
