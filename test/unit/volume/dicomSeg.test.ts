import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openDicom } from "../../../src/volume/dicomImage.js";
import { readPixelFormat } from "../../../src/volume/dicomPixelFormat.js";
import { decodePixels } from "../../../src/volume/dicomPixels.js";
import { readDicomSeg } from "../../../src/volume/dicomSegRead.js";
import { dicomFilmSegHead, dicomSegBytes } from "../../../src/volume/dicomSegWrite.js";
import { openDicomSeries } from "../../../src/volume/dicomSeries.js";
import { parseDicom } from "../../../src/volume/dicomParse.js";
import { dicomVolume } from "../../../src/volume/dicomVolume.js";
import { gridOf } from "../../../src/volume/labels.js";
import { BitPacker, packedLength } from "../../../src/volume/segments.js";
import type { LabelVolume } from "../../../src/volume/volume.js";
import { IMAGE, makeDicom, slice, type Elements } from "./makeDicom.js";

const NAMES = { algorithm: "test", version: "1.0" };
const SEGMENTS = [
  { label: 3, name: "Läsion" },
  { label: 7, name: "organ" },
];

/** Four oblique slices of 3 x 2 pixels; the patient has a name with letters that are not ASCII. */
const OBLIQUE: Elements = {
  "00080005 CS": "ISO_IR 100",
  "00100010 PN": Uint8Array.of(0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72, 0x5e, 0x41), // Müller^A
  "00200037 DS": "0.8\\0.6\\0\\0\\0\\-1",
};
const oblique = (n: number) => slice(n, n, { ...OBLIQUE, "00200032 DS": `${n * -1.2}\\${n * 1.6}\\40` });
const open = (count: number) =>
  openDicomSeries(Array.from({ length: count }, (_, i) => ({ name: `${i}.dcm`, bytes: oblique(i + 1) })))[0]
    .images;

async function labelled(count = 4): Promise<LabelVolume> {
  const volume = await dicomVolume(open(count), "s");
  const data = new Uint8Array(6 * count);
  data.set([3, 0, 0, 0, 0, 7], 6);
  data.set([3, 3, 0, 0, 0, 0], 12);
  return { ...gridOf(volume), data };
}

describe("segmentations", () => {
  test("written and read again, on an oblique volume", async () => {
    const labels = await labelled();
    const bytes = await dicomSegBytes(labels, open(4), { segments: SEGMENTS, ...NAMES });
    const read = await readDicomSeg(bytes, labels, "seg.dcm");
    expect(read.segments).toEqual([
      { label: 1, name: "Läsion" },
      { label: 2, name: "organ" },
    ]);
    expect([...read.labels.data]).toEqual([...labels.data].map((label) => ({ 0: 0, 3: 1, 7: 2 })[label]));
    expect(read.overlapping).toBe(0);
    expect(read.labels.affine).toEqual(labels.affine);
  });

  test("written and read again, on slices that are not evenly apart", async () => {
    const images = openDicomSeries([1, 2, 3, 5, 9].map((z) => ({ name: `${z}.dcm`, bytes: slice(z, z) })))[0]
      .images;
    const data = Uint8Array.from({ length: 30 }, (_, i) => (i % 7 === 0 ? 3 : 0));
    const labels = { ...gridOf(await dicomVolume(images, "s")), data };
    const bytes = await dicomSegBytes(labels, images, { segments: SEGMENTS.slice(0, 1), ...NAMES });
    const read = await readDicomSeg(bytes, labels, "seg.dcm");
    expect([...read.labels.data]).toEqual([...data].map((label) => (label === 3 ? 1 : 0)));
    // Where slices are evenly apart, the last of these lies between two.
    const { sliceOffsets, ...even } = labels;
    expect(sliceOffsets).toEqual([0, 1, 2, 4, 8]);
    await expect(readDicomSeg(bytes, even, "seg.dcm")).rejects.toThrow(
      "does not lie on a slice of the image",
    );
  });

  test("leave out the scout that the volume left out", async () => {
    const scout = slice(9, 9, { "00080008 CS": "LOCALIZER" });
    const files = [slice(1, 1), scout, slice(2, 2)].map((bytes, i) => ({ name: `${i}.dcm`, bytes }));
    const [{ images }] = openDicomSeries(files);
    const labels = { ...gridOf(await dicomVolume(images, "s")), data: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3) }; // prettier-ignore
    const bytes = await dicomSegBytes(labels, images, { segments: SEGMENTS.slice(0, 1), ...NAMES });
    expect(new TextDecoder("latin1").decode(bytes)).not.toContain("1.2.3.1.9");
    expect([...(await readDicomSeg(bytes, labels, "seg.dcm")).labels.data].filter(Boolean)).toEqual([1, 1]);
  });

  test("refer to the images that they were made on, and to the patient", async () => {
    const bytes = await dicomSegBytes(await labelled(), open(4), { segments: SEGMENTS, ...NAMES });
    const set = parseDicom(bytes, "seg.dcm");
    expect(set.words("PatientName")).toBe("Müller^A");
    expect(set.text("StudyInstanceUID")).toBe("1.2.3.10");
    expect(set.text("FrameOfReferenceUID")).toBe("1.2.3.12");
    expect(set.text("SeriesInstanceUID")).toMatch(/^2\.25\.\d{1,39}$/);
    const text = new TextDecoder("latin1").decode(bytes);
    for (const uid of ["1.2.3.1.2", "1.2.3.1.3", "1.2.3.11"]) expect(text).toContain(uid);
    // Only slices with labels have frames: segment 1 on two, segment 2 on one.
    expect(set.number("NumberOfFrames")).toBe(3);
    // Every file is another instance.
    const again = await dicomSegBytes(await labelled(), open(4), { segments: SEGMENTS, ...NAMES });
    expect(parseDicom(again, "again").text("SOPInstanceUID")).not.toBe(set.text("SOPInstanceUID"));
  });

  test.each([
    ["a label without a segment", { segments: SEGMENTS.slice(1) }, "labels 7; expected each of the labels once, without 0, but 3 has none"], // prettier-ignore
    ["a segment twice", { segments: [...SEGMENTS, SEGMENTS[0]] }, "labels 3, 7, 3; expected each"],
  ])("%s is refused", async (_, { segments }, message) => {
    await expect(dicomSegBytes(await labelled(), open(4), { segments, ...NAMES })).rejects.toThrow(message);
  });

  test("nothing labelled, another size, and images without a place are refused", async () => {
    const labels = await labelled();
    const options = { segments: SEGMENTS, ...NAMES };
    await expect(dicomSegBytes({ ...labels, data: new Uint8Array(24) }, open(4), options)).rejects.toThrow(
      "segmentation of 0.dcm: no voxel is labelled",
    );
    await expect(dicomSegBytes(labels, open(3), options)).rejects.toThrow(
      "segmentation of 0.dcm: labels have 3 x 2 x 4 voxels; expected 3 x 2 x 3",
    );
    const flat = openDicomSeries([{ name: "us.dcm", bytes: makeDicom(IMAGE) }])[0].images;
    await expect(dicomSegBytes({ size: [3, 2, 1], data: new Uint8Array(6) }, flat, options)).rejects.toThrow(
      "segmentation of us.dcm: its images have no ImagePositionPatient (0020,0032)",
    );
  });

  test("of another volume, and images that are none, are refused as ground truth", async () => {
    const labels = await labelled();
    const bytes = await dicomSegBytes(labels, open(4), { segments: SEGMENTS, ...NAMES });
    const [first, second, third] = labels.affine!;
    const shifted = [[first[0], first[1], first[2], first[3] + 1], second, third] as const;
    await expect(readDicomSeg(bytes, { ...labels, affine: shifted }, "seg.dcm")).rejects.toThrow(
      /^seg\.dcm: frame 1 does not lie on a slice of the image \(3 x 2 x 4\): its corner \[0, 0\] is at voxel/,
    );
    await expect(readDicomSeg(bytes, { ...labels, size: [2, 3, 4] }, "seg.dcm")).rejects.toThrow(
      "seg.dcm: has 3 x 2 pixels; the image has 2 x 3",
    );
    await expect(readDicomSeg(bytes, { size: labels.size }, "seg.dcm")).rejects.toThrow(
      /does not say how it lies.*give the labels as NIfTI/,
    );
    await expect(readDicomSeg(oblique(1), labels, "image.dcm")).rejects.toThrow(
      "image.dcm: has no SegmentationType (0062,0001); expected a DICOM segmentation",
    );
  });
});

test("bits are packed the same in any pieces", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 70 }),
      fc.array(fc.nat(70)),
      (bits, cuts) => {
        const packer = new BitPacker();
        const ends = [...cuts.filter((cut) => cut <= bits.length), bits.length].sort((a, b) => a - b);
        const pieces = ends.map((end, n) => packer.push(Uint8Array.from(bits.slice(ends[n - 1] ?? 0, end))));
        const bytes = [...pieces, packer.end()].flatMap((piece) => [...piece]);
        expect(bytes.length % 2).toBe(0);
        expect(bytes.length).toBe(packedLength(bits.length));
        expect(bytes.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1)).slice(0, bits.length)).toEqual(bits); // prettier-ignore
      },
    ),
  );
});

describe("segmentations of films", () => {
  const film = (more: Elements = {}) =>
    openDicom(makeDicom({ ...IMAGE, "00280008 IS": "4", "00200052 UI": undefined, "7FE00010 OW": new Uint8Array(48), ...more }), "film.dcm"); // prettier-ignore
  const options = { segments: SEGMENTS, ...NAMES };
  const frames = [{ segment: 2, frame: 0 }, { segment: 1, frame: 3 }]; // prettier-ignore

  test("refer to frames, where the film has no place in the patient", async () => {
    const packer = new BitPacker();
    const masks = [Uint8Array.of(1, 0, 0, 0, 0, 1), Uint8Array.of(0, 1, 1, 0, 0, 0)];
    const head = await dicomFilmSegHead(film(), frames, options);
    const bytes = Uint8Array.from([head, ...masks.map((mask) => packer.push(mask)), packer.end()].flatMap((part) => [...part])); // prettier-ignore
    const set = parseDicom(bytes, "seg.dcm");
    expect(set.number("NumberOfFrames")).toBe(2);
    expect(set.text("FrameOfReferenceUID")).toBeUndefined();
    const groups = set.items("PerFrameFunctionalGroupsSequence");
    expect(groups.map((group) => group.items("PlanePositionSequence").length)).toEqual([0, 0]);
    // ReferencedFrameNumber (0008,1160): an IS of 2 bytes, a digit and a space.
    const references = Buffer.from(bytes)
      .toString("hex")
      .matchAll(/08006011495302003(\d)20/g);
    expect([...references].map(([, number]) => number)).toEqual(["1", "4"]);
    const values = await decodePixels(set, readPixelFormat(set));
    expect([...values]).toEqual(masks.flatMap((mask) => [...mask]));
  });

  test("of nothing, and of more than a file can hold, are refused", async () => {
    await expect(dicomFilmSegHead(film(), [], options)).rejects.toThrow("segmentation of film.dcm: no pixel");
    const large = film({ "00280010 US": [8000], "00280011 US": [8000] });
    const many = Array.from({ length: 600 }, () => frames[0]);
    await expect(dicomFilmSegHead(large, many, options)).rejects.toThrow(
      "600 frames of 8000 x 8000 pixels are more than a DICOM file can hold",
    );
  });
});
