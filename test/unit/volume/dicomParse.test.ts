import { describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode.js";
import { looksLikeDicom, parseDicom } from "../../../src/volume/dicomParse.js";
import { looksLikeVolume, readVolume } from "../../../src/volume/read.js";
import { fileWorks } from "../../fileWorks.js";
import {
  encode,
  EXPLICIT,
  IMAGE,
  join,
  makeDicom,
  metaGroup,
  PREAMBLE,
  type Elements,
  type Style,
} from "./makeDicom.js";

const [IMPLICIT, BIG_ENDIAN] = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2"];
const STYLES: readonly Style[] = [{}, { implicit: true }, { bigEndian: true }];
/** An image with a sequence, whose items are written in the same way. */
const WITH_ITEMS: Elements = { ...IMAGE, "52009229 SQ": [{ "00289110 SQ": [{ "00280030 DS": "2\\3" }] }] };

async function expectImage(file: Uint8Array, warnings: unknown[] = []): Promise<void> {
  expect(looksLikeDicom(file)).toBe(true);
  const volume = await readVolume(file, "a.dcm");
  expect(volume.data).toEqual(Uint16Array.of(0, 10, 20, 30, 40, 50));
  expect(volume.pixelSpacing).toEqual([3, 2]);
  expect(volume.warnings).toEqual(warnings);
}

describe("files that are not as part 10 of the standard has them", () => {
  fileWorks(
    {
      format: "DICOM",
      from: "Archives and old exports",
      habit:
        "no preamble, with or without the file meta information; either byte order, explicit or implicit VR",
      result: "the image, as from a complete file",
    },
    async () => {
      for (const style of STYLES) await expectImage(encode(WITH_ITEMS, style));
      await expectImage(join(metaGroup(EXPLICIT), encode(WITH_ITEMS)));
      await expectImage(join(metaGroup(IMPLICIT), encode(WITH_ITEMS, { implicit: true })));
      await expectImage(join(PREAMBLE.slice(128), metaGroup(EXPLICIT), encode(WITH_ITEMS)));
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Converters that change the header alone",
      habit: "the transfer syntax says explicit VR, the attributes are implicit, or the other way round",
      result: "the image as it is written, and a warning",
    },
    async () => {
      const warning = expect.stringMatching(/^a\.dcm: TransferSyntaxUID \(0002,0010\) is .*, but the attributes are .*, and are read so$/) as unknown; // prettier-ignore
      for (const [syntax, style] of [
        [EXPLICIT, { implicit: true }],
        [IMPLICIT, {}],
        [BIG_ENDIAN, {}],
        [EXPLICIT, { bigEndian: true }],
      ] as const)
        await expectImage(join(PREAMBLE, metaGroup(syntax), encode(WITH_ITEMS, style)), [warning]);
    },
  );

  test("what follows the pixels is not looked at", async () => {
    for (const rest of [new Uint8Array(3), new Uint8Array(100).fill(0xff)])
      await expectImage(join(makeDicom(WITH_ITEMS), rest));
  });

  test("attributes with values of 64 bits each", async () => {
    await expectImage(makeDicom({ ...WITH_ITEMS, "00189999 OV": new Uint8Array(16) }));
  });
});

describe("what a file is", () => {
  test.each([
    ["nothing", []],
    ["a number", [8, 0]],
    ["text", [...new TextEncoder().encode("a note that someone has put beside the images of a patient")]],
    ["zeros", new Array<number>(500).fill(0)],
    ["one attribute", [...encode({ "00080060 CS": "MR" })]],
    ["attributes in no order", [...encode({ "00080060 CS": "MR" }), ...encode({ "00080008 CS": "A" })]],
    ["attributes of another group", [...encode({ "00280010 US": [1], "00280011 US": [2] })]],
    ["an attribute that is cut off", [...encode(IMAGE).slice(0, 40)]],
  ])("%s is no DICOM", (_, bytes) => {
    expect(looksLikeDicom(Uint8Array.from(bytes))).toBe(false);
    expect(() => parseDicom(Uint8Array.from(bytes), "a.dcm")).toThrow(
      'a.dcm: has no DICOM header ("DICM" at byte 128) and does not begin with DICOM attributes; expected',
    );
  });

  fileWorks(
    {
      format: "DICOM",
      from: "Whole-slide scanners and test files of NEMA",
      habit: "the preamble is the start of a TIFF, a PNG or another format",
      result: "DICOM: the word DICM at byte 128 is looked at first",
    },
    async () => {
      const starts = [
        "II*\0",
        "MM\0*",
        "\x89PNG\r\n\x1a\n",
        "\xff\xd8\xff",
        "\x1f\x8b",
        "PK\x03\x04",
        "\x5c\x01\0\0",
      ];
      for (const start of starts) {
        const file = makeDicom(WITH_ITEMS);
        file.set(Uint8Array.from(start, (letter) => letter.charCodeAt(0)));
        expect(looksLikeVolume(file)).toBe(true);
        await expectImage(file);
        await expect(decodeImage(file, "a.tif")).rejects.toThrow("a.tif: is a DICOM file, not a");
      }
    },
  );
});
