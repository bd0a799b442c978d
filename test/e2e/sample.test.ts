import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readImageFile } from "../../src/image/decode.node.js";
import { ROOT, temporaryFolder } from "./medsam.js";

test("the sample in the project is what its script draws, bit for bit", async () => {
  const [drawn, kept] = [temporaryFolder(), join(ROOT, "examples", "sample")];
  const script = join(ROOT, "scripts", "draw-sample.mjs");
  expect(spawnSync(process.execPath, [script, drawn]).status).toBe(0);
  for (const name of ["sample.png", "lesion.png"])
    expect(await readImageFile(join(drawn, name))).toEqual(await readImageFile(join(kept, name)));
  expect(readFileSync(join(drawn, "boxes.json"), "utf8")).toBe(
    readFileSync(join(kept, "boxes.json"), "utf8"),
  );
});
