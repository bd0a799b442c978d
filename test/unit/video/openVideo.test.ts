import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { encodePng } from "../../../src/image/encode.js";
import { eightBitVideo } from "../../../src/video/eightBitVideo.js";
import { openFfmpegVideo } from "../../../src/video/ffmpegVideo.node.js";
import { openVideo } from "../../../src/video/openVideo.node.js";
import { PngStream } from "../../../src/video/pngStream.js";
import { IMAGE, makeDicom } from "../volume/makeDicom.js";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A frame that is all of one value. */
const frame = (value: number, width = 8, height = 6) =>
  encodePng({ width, height, channels: 1, data: new Uint8Array(width * height).fill(value) });

function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = join(temporaryFolder(), "clip");
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

async function refusal(path: string): Promise<string> {
  const error: unknown = await openVideo(path)
    .then((video) => eightBitVideo(video, undefined))
    .catch((reason: unknown) => reason);
  return error instanceof Error ? error.message : "nothing";
}

describe("a folder of frames", () => {
  test("is sorted as people number, without what is no picture", async () => {
    const folder = folderOf({
      "f10.png": frame(10),
      "f2.PNG": frame(2),
      "f1.png": frame(1),
      "notes.txt": "no frame",
      ".hidden.png": "no frame either",
    });
    mkdirSync(join(folder, "masks.png"));
    const video = await openVideo(folder);
    expect(video).toMatchObject({ count: 3, width: 8, height: 6 });
    const values = [];
    for (let n = 0; n < 3; n++) values.push((await video.read(n)).data[0]);
    expect(values).toEqual([1, 2, 10]);
    expect([0, 1, 2].map((n) => video.frameName(n))).toEqual(["f1", "f2", "f10"]);
  });

  test.each([
    ["of no frames", { "a.txt": "" }, /clip: has no frames; expected PNG, JPEG or TIFF files, one a frame$/],
    [
      "of DICOM files",
      { "a.dcm": "" },
      /clip: has no frames; it has DICOM files: name the one with the video$/,
    ],
    ["with a frame of another size", { "1.png": frame(1), "2.png": frame(2), "3.png": frame(3, 6, 8) }, /clip, frame 2, 3\.png: is 6 x 8 pixels; expected 8 x 6, the size of the first frame/], // prettier-ignore
    ["with a damaged frame in the middle", { "1.png": frame(1), "2.png": frame(2).slice(0, 60), "3.png": frame(3) }, /^clip, frame 1: .*2\.png: /], // prettier-ignore
    ["with an empty frame", { "1.png": frame(1), "2.png": "" }, /^clip, frame 1: .*2\.png: is not a PNG, JPEG or TIFF/], // prettier-ignore
    ["with two frames of one name", { "1.png": frame(1), "1.jpg": frame(1) }, /clip: 1\.jpg and 1\.png are two frames of one name/], // prettier-ignore
  ])("%s is refused", async (_, files, message) => {
    expect(await refusal(folderOf(files))).toMatch(message);
  });

  test("frames of 16 bits are all scaled alike", async () => {
    const deep = (value: number) =>
      encodePng({ width: 4, height: 1, channels: 1, data: Uint16Array.of(0, 1000, value, 4000) });
    const video = await openVideo(folderOf({ "1.png": deep(2000), "2.png": deep(3000) }));
    const { frames, intensity } = await eightBitVideo(video, "range");
    expect(intensity).toBe("range");
    expect([...(await frames.read(0)).data]).toEqual([0, 63, 127, 255]);
    expect([...(await frames.read(1)).data]).toEqual([0, 63, 191, 255]);
    expect((await eightBitVideo(video, undefined)).intensity).toBe("percentiles");
  });
});

describe("a DICOM file of several frames", () => {
  const film = (more: object = {}) => {
    const pixels = Uint8Array.from({ length: 3 * 4 * 2 * 3 }, (_, i) => i);
    return makeDicom({
      ...IMAGE,
      ...{ "00080060 CS": "US", "00280010 US": [2], "00280011 US": [4], "00280008 IS": "3" },
      ...{ "00280002 US": [3], "00280004 CS": "RGB", "00280006 US": [0] },
      ...{ "00280100 US": [8], "00280101 US": [8], "00280102 US": [7], "00181063 DS": "40" },
      "7FE00010 OB": pixels,
      ...more,
    });
  };

  test("is read frame by frame, with its times", async () => {
    const folder = folderOf({ "film.dcm": film() });
    const video = await openVideo(join(folder, "film.dcm"));
    expect(video).toMatchObject({ count: 3, width: 4, height: 2, modality: "US", seconds: [0, 0.04, 0.08] });
    expect(video.frameName(2)).toBe("00002");
    const last = await video.read(2);
    expect(last.channels).toBe(3);
    expect([...last.data]).toEqual(Array.from({ length: 24 }, (_, i) => 48 + i));
    expect((await eightBitVideo(video, undefined)).intensity).toBe("none");
  });

  test("of one frame, or cut off, is refused", async () => {
    const folder = folderOf({
      "one.dcm": film({ "00280008 IS": "1" }),
      "cut.dcm": film({ "00280008 IS": "9" }),
    });
    expect(await refusal(join(folder, "one.dcm"))).toMatch(/one\.dcm: has one frame; medsam segment takes/);
    expect(await refusal(join(folder, "cut.dcm"))).toMatch(
      /has 72 bytes; expected 216 for 4 x 2 pixels in 9 frames/,
    );
  });
});

test.each([
  ["a picture", frame(1), /is a single picture; name the folder with all frames/],
  ["a volume", gzipSync(new Uint8Array(400)), /is no video but a volume; use medsam segment-volume/],
])("%s is no video", async (_, bytes, message) => {
  expect(await refusal(join(folderOf({ file: bytes }), "file"))).toMatch(message);
});

test("PNG files of a stream are found, whatever pieces it comes in", () => {
  const files = [frame(1), frame(2, 30, 20), frame(3, 1, 1)];
  const stream = Buffer.concat(files);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 30 }), (cuts) => {
      const ends = [...cuts, stream.length].sort((a, b) => a - b);
      const found = new PngStream();
      let start = 0;
      for (const end of ends) {
        found.push(stream.subarray(start, end));
        start = end;
      }
      expect(found.isInside).toBe(false);
      expect(found.files.map(({ length }) => length)).toEqual(files.map(({ length }) => length));
      expect(found.files[2].start).toBe(files[0].length + files[1].length);
    }),
  );
  expect(() => new PngStream().push(new Uint8Array(8))).toThrow(/other than PNG/);
});

const leftovers = () => readdirSync(tmpdir()).filter((name) => /^medsam-[0-9a-f-]{36}\.tmp$/.test(name));

describe("a video in another container", () => {
  const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0;
  if (!hasFfmpeg) console.warn("openVideo.test.ts: videos in containers are skipped, as there is no ffmpeg");

  /** A video of 12 frames whose grey grows by 20 a frame. */
  function makeVideo(name: string, ...more: string[]): string {
    const folder = temporaryFolder();
    const path = join(folder, name);
    const grey = "geq=lum='20*N+10':cb=128:cr=128";
    const made = spawnSync("ffmpeg", ["-loglevel", "error", "-f", "lavfi", "-i", "color=black:size=64x48:rate=10", "-vf", grey, "-frames:v", "12", ...more, path]); // prettier-ignore
    expect(made.stderr.toString()).toBe("");
    return path;
  }

  test.skipIf(!hasFfmpeg).each(["clip.avi", "clip.mp4", "-i odd; name.mov"])(
    "%s: every frame is there",
    async (name) => {
      const video = await openVideo(makeVideo(name, "-q:v", "2"));
      onTestFinished(() => video.close());
      expect(video).toMatchObject({ count: 12, width: 64, height: 48, warnings: [] });
      expect(video.seconds?.[10]).toBeCloseTo(1);
      const values = [];
      for (const n of [11, 0, 5]) values.push((await video.read(n)).data[0]);
      expect(values[1]).toBeLessThan(values[2]);
      expect(values[2]).toBeLessThan(values[0]);
      if (process.platform !== "win32") expect(leftovers()).toEqual([]);
    },
  );

  test.skipIf(!hasFfmpeg)("one that is damaged, or none, is refused and leaves nothing", async () => {
    const folder = folderOf({ "text.mp4": "no video at all", "empty.mp4": "" });
    expect(await refusal(join(folder, "text.mp4"))).toMatch(
      /text\.mp4: is no video that ffmpeg reads \(.*Invalid data/,
    );
    expect(await refusal(join(folder, "empty.mp4"))).toMatch(/empty\.mp4: is no video that ffmpeg reads/);
    expect(leftovers()).toEqual([]);
  });

  test.skipIf(!hasFfmpeg)("stops when told to", async () => {
    const path = makeVideo("clip.avi");
    await expect(openVideo(path, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
    const stop = new AbortController();
    const opening = openFfmpegVideo(path, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 5);
    await expect(opening).rejects.toThrow("enough");
    expect(leftovers()).toEqual([]);
  });

  test("without ffmpeg says what to do", async () => {
    const folder = folderOf({ "a.mp4": "anything" });
    await expect(openFfmpegVideo(join(folder, "a.mp4"), {}, join(folder, "ffmpeg"))).rejects.toThrow(
      /a\.mp4: videos of this kind are read by ffmpeg, which is not on this computer: install it \(apt install/,
    );
    expect(leftovers()).toEqual([]);
    expect(existsSync(join(folder, "a.mp4"))).toBe(true);
  });
});
