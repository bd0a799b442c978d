import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { TrackedMasks } from "../../../src/cli/trackedMasks.js";
import { videoFiles, videoName, writeVideoFiles, type VideoFiles } from "../../../src/cli/videoFiles.js";
import { decodeImage } from "../../../src/image/decode.js";
import { readLabelFile } from "../../../src/image/decode.node.js";
import { dicomVideo } from "../../../src/video/dicomVideo.js";
import { openDicom } from "../../../src/volume/dicomImage.js";
import { parseDicom } from "../../../src/volume/dicomParse.js";
import { readPixelFormat } from "../../../src/volume/dicomPixelFormat.js";
import { decodePixels } from "../../../src/volume/dicomPixels.js";
import { readNiftiLabels } from "../../../src/volume/nifti.js";
import { IMAGE, makeDicom } from "../volume/makeDicom.js";

const [WIDTH, HEIGHT, COUNT] = [3, 2, 4];
const PIXELS = { "00280008 IS": String(COUNT), "7FE00010 OW": new Uint8Array(2 * WIDTH * HEIGHT * COUNT) };
const film = makeDicom({ ...IMAGE, ...PIXELS, "00181063 DS": "40", "00280030 DS": "0.5\\2" });
const video = dicomVideo(openDicom(film, "film.dcm"));
const signal = new AbortController().signal;

let folder: string;
let masks: TrackedMasks;
/** Two objects that overlap in frame 1; the second one is not in frame 2, and nothing is in frame 3. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "medsam-video-"));
  masks = await TrackedMasks.open(
    video,
    [1, 2].map((label) => ({ label, prompts: new Map() })),
  );
  onTestFinished(async () => {
    await masks.close();
    rmSync(folder, { recursive: true });
  });
  const add = (object: number, slice: number, ...data: number[]) =>
    masks.add({ object, slice, prompted: slice === 1, score: 0.5, objectScore: 2, mask: { width: WIDTH, height: HEIGHT, data: Uint8Array.from(data) } }); // prettier-ignore
  await add(0, 1, 1, 1, 0, 0, 0, 0);
  await add(0, 2, 0, 0, 0, 0, 1, 1);
  await add(1, 1, 0, 1, 1, 0, 0, 0);
  await add(1, 2, 0, 0, 0, 0, 0, 0);
  await add(0, 0, 0, 0, 0, 1, 0, 0); // backwards
});
const EXPECTED = [
  [0, 0, 0, 1, 0, 0],
  [1, 2, 2, 0, 0, 0],
  [0, 0, 0, 0, 1, 1],
  [0, 0, 0, 0, 0, 0],
];
const write = (files: VideoFiles, stop: AbortSignal = signal, onProgress?: (share: number) => void) =>
  writeVideoFiles(
    files,
    { video, masks, document: { provenance: { package: "medsam-tfjs" } }, picture: Uint8Array.of(1) },
    { signal: stop, ...(onProgress && { onProgress }) },
  );

test("all files say the same", async () => {
  const files = videoFiles("film", join(folder, "out"), true);
  const shares: number[] = [];
  await write(files, signal, (share) => shares.push(share));
  expect(shares.at(-1)).toBe(1);
  expect(readdirSync(join(folder, "out")).sort()).toEqual(["film.json", "film_areas.csv", "film_areas.png", "film_frames.png", "film_labels.dcm", "film_labels.nii.gz", "film_masks"]); // prettier-ignore
  for (const [frame, expected] of EXPECTED.entries())
    expect([...(await readLabelFile(join(files.masks, `0000${frame}.png`))).data]).toEqual(expected);

  const labels = readNiftiLabels(readFileSync(files.labels), "labels");
  expect([...labels.data]).toEqual(EXPECTED.flat());
  expect(labels).toMatchObject({ size: [WIDTH, HEIGHT, COUNT], pixelSpacing: [2, 0.5] });

  const set = parseDicom(readFileSync(files.segmentation!), "seg.dcm");
  const frames = [[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1]]; // prettier-ignore
  expect([...(await decodePixels(set, readPixelFormat(set)))]).toEqual(frames.flat());

  expect(readFileSync(files.areas, "utf8").split("\n").slice(0, 5)).toEqual([
    "frame,name,seconds,object,pixels,mm2,object_score,prompted",
    "0,00000,0.000,1,1,1.00,2.000,0",
    "0,00000,0.000,2,0,0.00,,0",
    "1,00001,0.040,1,2,2.00,2.000,1",
    "1,00001,0.040,2,2,2.00,2.000,1",
  ]);
  expect(await decodeImage(readFileSync(files.curve), "curve")).toMatchObject({ width: 960, height: 540 });
});

test("an earlier result gives way as a whole", async () => {
  const files = videoFiles("film", folder, false);
  mkdirSync(files.masks);
  writeFileSync(join(files.masks, "00009.png"), "of a longer video");
  writeFileSync(files.labels, "old");
  await write(files);
  expect(readdirSync(files.masks)).toEqual(["00000.png", "00001.png", "00002.png", "00003.png"]);
  expect(readFileSync(files.labels)[0]).toBe(0x1f);
});

test("one that is stopped, in whatever frame of whatever file, leaves nothing", async () => {
  const files = videoFiles("film", join(folder, "out"), true);
  for (let n = 0; n < 3 * COUNT; n += 2) {
    const stop = new AbortController();
    let frames = 0;
    const writing = write(files, stop.signal, () => {
      if (frames++ === n) stop.abort(new Error("enough"));
    });
    await expect(writing).rejects.toThrow("enough");
    expect(existsSync(join(folder, "out")) ? readdirSync(join(folder, "out")) : []).toEqual([]);
  }
});

test("a folder that cannot be written to is named", async () => {
  writeFileSync(join(folder, "file"), "");
  await expect(write(videoFiles("film", join(folder, "file"), true))).rejects.toThrow(
    /file: cannot be written to \(.*\); nothing was written$/,
  );
});

test.each([
  ["a/b/clip.mp4", "clip"],
  ["frames/", "frames"],
  ["us.1.dcm", "us.1"],
  ["IM_0001", "IM_0001"],
])("results of %s are called %s", (path, name) => expect(videoName(path)).toBe(name));
