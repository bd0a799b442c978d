import fc from "fast-check";
import { expect, test } from "vitest";
import { DocumentError, readDocument, writeDocument } from "../../../web/state/document.js";
import { editQuery, EMPTY_SESSION, placeBox, placePoint } from "../../../web/state/session.js";

const IMAGE = { width: 512, height: 400, slices: 4 };
const FACTS = {
  image: { file: "a.png", width: 512, height: 400, sha256: "00" },
  model: { name: "m", architecture: "TINY", parameters: 1, imageSize: 128, sha256: "11", embedded: true, presets: [], preset: "MedSAM_Inference" }, // prettier-ignore
  ...{ version: "0", backend: "wasm", preset: "MedSAM_Inference", intensity: "preset", crop: false },
};
const region = { x: 3, y: 0, width: 40, height: 30 };
const logits = { width: 2, height: 2, data: Float32Array.of(0.1, -3.5e-20, 7, -0), region };
const session = editQuery(
  placePoint(placeBox(placeBox(EMPTY_SESSION, 0, [1, 2, 3, 4]), 2, [5, 6, 7, 8]), 2, { at: [9.5, 8], label: 0 }), // prettier-ignore
  2,
  (query) => ({ ...query, multimask: true, maskInput: logits }),
);
const text = writeDocument(session, FACTS, () => ({ score: 0.5, pixels: 3 }));

test("what was written comes back the same, to the last bit of the logits", () => {
  const { session: back, settings } = readDocument(text, IMAGE);
  expect(back).toEqual(session);
  expect(settings).toEqual({ preset: "MedSAM_Inference", intensity: "preset", crop: false });
  expect([...back.objects[0].prompts.get(2)!.query.maskInput!.data].map((v) => Object.is(v, -0))).toEqual([false, false, false, true]); // prettier-ignore
});

test("window and crop come back too; a crop of another size is refused", () => {
  const set = {
    preset: "MedSAM_demo",
    intensity: "shown",
    window: { centre: 40.1, width: 1 / 3 },
    crop: true,
  };
  const written = writeDocument(session, { ...FACTS, ...set }, () => undefined);
  expect(JSON.parse(written)).toMatchObject({ provenance: { crop: 2, intensity: "level 40.1, width 0.3333333333333333" } }); // prettier-ignore
  expect(readDocument(written, IMAGE).settings).toEqual(set);
  expect(() => readDocument(written.replace('"crop": 2', '"crop": 3'), IMAGE)).toThrow(
    /crop is 3; .* 2 only/,
  );
});

test("the file says how the masks came about", () => {
  const document = JSON.parse(text) as { provenance: object; objects: { slices: object[] }[] };
  expect(document.provenance).toEqual({
    package: "medsam-tfjs",
    version: "0",
    checkpoint: { name: "m", sha256: "11", embedded: true },
    ...{ preset: "MedSAM_Inference", intensity: "preset", backend: "wasm" },
  });
  expect(document.objects[0].slices[0]).toMatchObject({ slice: 0, score: 0.5, pixels: 3 });
});

test.each([
  ["{", "it is not JSON"],
  ["[]", "the file is not an object with fields"],
  ["{}", 'expected "format"'],
  [text.replace('"width": 512', '"width": 256'), "prompts are for an image of 256 x 400 pixels"],
  [text.replace('"slice": 2', '"slice": 4'), "expected a whole number of 0..3"],
  [text.replace(/"box": \[\s*1,/, '"box": ['), "expected 4 numbers"],
  [text.replace(/"float32": "..../, '"float32": "'), "expected 16"],
])("refused with a reason: %#", (damaged, reason) => {
  expect(() => readDocument(damaged, IMAGE)).toThrow(DocumentError);
  expect(() => readDocument(damaged, IMAGE)).toThrow(reason);
});

test("any JSON gives a session or a DocumentError", () => {
  const wrapped = fc.oneof(fc.jsonValue(), fc.jsonValue().map((objects) => ({ ...(JSON.parse(text) as object), objects }))); // prettier-ignore
  fc.assert(
    fc.property(wrapped, (value) => {
      try {
        readDocument(JSON.stringify(value), IMAGE);
      } catch (error) {
        expect(error).toBeInstanceOf(DocumentError);
      }
    }),
  );
});
