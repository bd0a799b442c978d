import { describe, expect, it } from "vitest";
import { openReference } from "../../../src/inspect/reference.js";
import { TINY } from "../../../src/model/config.js";
import { bytesSource } from "../../../src/weights/byteSource.js";
import { openCheckpoint } from "../../../src/weights/open.js";
import { fromFloat32 } from "../../../src/weights/numbers.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";

const NAMES = ["input.pixels", "input.image", "input.boxes", "expected.maps", "image_encoder.neck", "grad.x"];

function dump(about: unknown, names = NAMES, value = 1) {
  const tensors = names.map((name) => ({
    name,
    dtype: "F32" as const,
    shape: [1],
    bytes: () => fromFloat32(Float32Array.of(value), "F32"),
  }));
  const metadata: Record<string, string> = {};
  if (about !== undefined) metadata["case"] = typeof about === "string" ? about : JSON.stringify(about);
  return openCheckpoint(bytesSource(safetensorsBytes(tensors, metadata), "dump.safetensors"));
}

const CASE = { version: 1, config: TINY, torch: "2.13.0" };

describe("a reference dump", () => {
  it("gives configuration, modules and values", () => {
    const reference = openReference(dump(CASE));
    expect(reference).toMatchObject({ config: TINY, torch: "2.13.0", source: "dump.safetensors" });
    expect(reference.paths).toEqual(["image_encoder.neck"]);
    expect(reference.read("input.boxes")).toEqual({ shape: [1], values: Float32Array.of(1) });
  });

  it.each([undefined, "", "{", "null", "[]", { config: TINY }])("refuses what is none: %j", (about) => {
    expect(() => openReference(dump(about))).toThrow("dump.safetensors: is no reference dump");
  });

  it("refuses another version, and says what to do", () => {
    expect(() => openReference(dump({ ...CASE, version: 2 }))).toThrow(
      /dump of version 2; expected 1; write it anew/,
    );
    expect(() => openReference(dump({ ...CASE, version: undefined }))).toThrow(/version none/);
  });

  it("names what is missing", () => {
    expect(() => openReference(dump(CASE, NAMES.slice(1)))).toThrow("lacks input.pixels");
    expect(() => openReference(dump(CASE)).read("nothing")).toThrow("has no tensor nothing");
  });

  it.each([NaN, Infinity])("refuses to compare with %s", (value) => {
    expect(() => openReference(dump(CASE, NAMES, value)).read("image_encoder.neck")).toThrow(
      "image_encoder.neck has values that are not finite",
    );
  });
});
