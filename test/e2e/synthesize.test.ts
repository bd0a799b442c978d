import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readImageFile, readLabelFile } from "../../src/image/decode.node.js";
import { labelsIn } from "../../src/image/mask.js";
import { medsam, temporaryFolder } from "./medsam.js";

test("writes pictures, labels and a contact sheet, the same for the same seed", async () => {
  const folder = temporaryFolder();
  const args = ["--count", "3", "--size", "64", "--domain", "rings", "--seed", "5"];
  const run = medsam(["synthesize", ...args, "--out", join(folder, "a"), "--json"]);
  expect(run).toMatchObject({ status: 0, stderr: "" });
  const result = JSON.parse(run.stdout) as { objects: number };
  const names = ["0000.png", "0001.png", "0002.png"];
  expect(readdirSync(join(folder, "a")).sort()).toEqual(["contact-sheet.html", "images", "labels"]);
  expect(readdirSync(join(folder, "a", "images")).sort()).toEqual(names);
  let objects = 0;
  for (const name of names) {
    const image = await readImageFile(join(folder, "a", "images", name));
    const labels = await readLabelFile(join(folder, "a", "labels", name));
    expect([image.width, image.height, labels.width, labels.height]).toEqual([64, 64, 64, 64]);
    expect(labelsIn(labels).length).toBeGreaterThan(0);
    objects += labelsIn(labels).length;
  }
  expect(result.objects).toBe(objects);
  expect(readFileSync(join(folder, "a", "contact-sheet.html"), "utf8").match(/<img/g)).toHaveLength(3);

  expect(medsam(["synthesize", ...args, "--out", join(folder, "b")]).status).toBe(0);
  for (const name of ["images/0001.png", "labels/0001.png", "contact-sheet.html"])
    expect(readFileSync(join(folder, "b", name))).toEqual(readFileSync(join(folder, "a", name)));
});

test("does not write among other files, and says what numbers it takes", () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "mine.txt"), "");
  const run = medsam(["synthesize", "--out", folder]);
  expect(run.status).toBe(1);
  expect(run.stderr).toContain(`${folder}: is not empty; name a new folder`);
  expect(readdirSync(folder)).toEqual(["mine.txt"]);
  const wrong = medsam(["synthesize", "--size", "10.5"]);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain("Expected a whole number of at least 64");
});
