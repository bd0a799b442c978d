import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { EMBEDDED_CHECKPOINT } from "../../../src/loadMedSam.node.js";
import { TINY } from "../../../src/model/config.js";
import { convertCheckpoint } from "../../../src/weights/convert.node.js";
import { readReference } from "../fixture.js";
import { missing, python } from "./python.js";

const folder = mkdtempSync(join(tmpdir(), "medsam-transformers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(missing(false) !== undefined)("transformers' SamModel", () => {
  it("takes weights with its names, and computes with them what segment-anything does", () => {
    const [checkpoint, out] = ["model.safetensors", "masks.safetensors"].map((name) => join(folder, name));
    const { renamed } = convertCheckpoint(EMBEDDED_CHECKPOINT, checkpoint, {
      ...{ dtype: "F32", names: "huggingface" },
    });
    expect(renamed.length).toBeGreaterThan(100);
    const options = { config: JSON.stringify(TINY), checkpoint, original: EMBEDDED_CHECKPOINT, out };
    python("load_transformers.py", ...Object.entries(options).flatMap(([key, value]) => [`--${key}`, value]));
    const { tensors } = readReference(out);
    const [theirs, original] = ["transformers", "original"].map((name) => [...tensors.get(name)!.values]);
    expect(original.some((logit) => logit > 0) && original.some((logit) => logit < 0)).toBe(true);
    for (const [n, logit] of original.entries()) expect(Math.abs(theirs[n] - logit)).toBeLessThan(1e-3);
  });
});
