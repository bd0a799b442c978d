import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readDicom } from "../../../src/volume/dicomVolume.js";
import { typedBytes, type NumberKind } from "../../../src/volume/typedBytes.js";
import { fileWorks } from "../../fileWorks.js";
import { unpack } from "../image/fixtures.js";

/** Files that DCMTK compressed, and what pydicom decodes of them; see make_dicom_fixtures.py. */
const FILES = JSON.parse(readFileSync(new URL("fixtures/encoded.json", import.meta.url), "utf8")) as Readonly<
  Record<string, { dtype: NumberKind; file: string; values: string }>
>;

/** Lossy ones may differ by so much, all others not at all. The colours are noise, which shows rounding most. */
const WITHIN: Readonly<Record<string, number>> = {
  ...{ "extended-12": 1, "baseline-8": 1, "baseline-colour": 4, "baseline-kept-rgb": 1 },
};

async function expectAsPydicom(name: string): Promise<void> {
  const { dtype, file, values } = FILES[name];
  const { data } = await readDicom(unpack(file), name);
  const expected = typedBytes(unpack(values), dtype, true, name);
  expect(data.constructor).toBe(expected.constructor);
  expect(data.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(expected[i] - data[i]));
  expect(largest).toBeLessThanOrEqual(WITHIN[name] ?? 0);
}

const lossless = Object.keys(FILES).filter((name) => !(name in WITHIN));
test.each(lossless)("%s", expectAsPydicom);

fileWorks(
  {
    format: "DICOM",
    from: "DCMTK, ultrasound, radiography",
    habit: "JPEG with loss: baseline of 8 bits, in grey or in colour, and extended of 12 bits",
    result: "the values of pydicom, within the rounding of the decoders",
  },
  async () => {
    for (const name of Object.keys(WITHIN)) await expectAsPydicom(name);
  },
);
