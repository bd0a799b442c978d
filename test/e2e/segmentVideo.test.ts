import { spawn } from "node:child_process";
import { once } from "node:events";
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
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLabelFile } from "../../src/image/decode.node.js";
import { encodePng } from "../../src/image/encode.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import { MEDSAM2 } from "../../src/model/sam2/config.js";
import { readNiftiLabels } from "../../src/volume/nifti.js";
import { fromFloat32 } from "../../src/weights/numbers.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import type { TensorToWrite } from "../../src/weights/safetensorsWriter.js";
import { IMAGE, makeDicom } from "../unit/volume/makeDicom.js";
import { ENV, MAIN, medsam, temporaryFolder } from "./medsam.js";

const [WIDTH, HEIGHT, COUNT] = [96, 64, 4];
const FAST = ["--checkpoint", "MedSAM2.safetensors", "--image-size", "64", "--backend", "wasm"];

/** A disc that moves to the right. */
function frame(n: number): Uint8Array {
  return Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
    return Math.hypot(x - 30 - 2 * n, y - 30) < 14 ? 200 : 50 + (i % 7);
  });
}

/** MedSAM2's state_dict, made fast of noise wide enough for masks that are not empty; objects are in all frames. */
function weights(): TensorToWrite[] {
  return [...parameterShapes(MEDSAM2)].map(([name, shape], n): TensorToWrite => {
    const values = (): Float32Array => {
      const out = new Float32Array(shape.reduce((product, side) => product * side, 1));
      if (name === "sam_mask_decoder.pred_obj_score_head.layers.2.bias") return out.fill(5);
      if (shape.length === 1) return out.fill(name.endsWith("weight") ? 1 : 0);
      const spread = 2 / Math.sqrt(out.length / shape[0]);
      let state = n + 1;
      for (let i = 0; i < out.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        out[i] = (state / 2 ** 31) * spread;
      }
      return out;
    };
    return { name, dtype: "F32", shape, bytes: () => fromFloat32(values(), "F32") };
  });
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "medsam-video-"));
  saveSafetensors(join(folder, "MedSAM2.safetensors"), weights());
  for (const [name, count] of [
    ["clip", COUNT],
    ["long", 80],
  ] as const) {
    // prettier-ignore
    mkdirSync(join(folder, name));
    for (let n = 0; n < count; n++)
      writeFileSync(join(folder, name, `f${n}.png`), encodePng({ width: WIDTH, height: HEIGHT, channels: 3, data: frame(n) })); // prettier-ignore
  }
  const film = {
    ...{ "00080060 CS": "US", "00280301 CS": "NO", "00280010 US": [HEIGHT], "00280011 US": [WIDTH] },
    ...{ "00280008 IS": String(COUNT), "00280002 US": [3], "00280004 CS": "RGB", "00280006 US": [0] },
    ...{ "00280100 US": [8], "00280101 US": [8], "00280102 US": [7], "00200052 UI": undefined },
    "7FE00010 OB": Buffer.concat(Array.from({ length: COUNT }, (_, n) => frame(n))),
  };
  writeFileSync(join(folder, "us.dcm"), makeDicom({ ...IMAGE, ...film }));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Document {
  readonly objects: readonly { readonly label: number; readonly frames: readonly { readonly frame: number; readonly pixels: number; readonly objectScore: number }[] }[]; // prettier-ignore
  readonly files: Readonly<Record<string, string>>;
  readonly provenance: { readonly command: string };
}

test("medsam segment-video: a folder of frames, two objects, forwards and backwards; its command gives the same", async () => {
  writeFileSync(join(folder, "asked.csv"), 'frame,object,x0,y0,x1,y1,points\n1,disc,18,16,46,44,\n3,disc,,,,,"36,30; 5,5,0"\n0,other,60,10,90,40,\n'); // prettier-ignore
  const { status, stdout, stderr } = medsam(["segment-video", "clip", "--prompts", "asked.csv", ...FAST, "--out", "first", "--json"], folder); // prettier-ignore
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const { objects, files, provenance } = JSON.parse(stdout) as Document;
  expect(objects.map(({ label, frames }) => [label, frames.map((one) => one.frame)])).toEqual([
    [1, [0, 1, 2, 3]],
    [2, [0, 1, 2, 3]],
  ]);
  const scores = objects.flatMap(({ frames }) => frames.map(({ objectScore }) => objectScore));
  expect(scores.every((score) => score > 0)).toBe(true);
  expect(Object.values(files).sort()).toEqual(readdirSync(join(folder, "first")).sort());

  const labels = readNiftiLabels(readFileSync(join(folder, "first", files["labels"])), "labels");
  expect(labels.size).toEqual([WIDTH, HEIGHT, COUNT]);
  const masks = [];
  for (let n = 0; n < COUNT; n++) masks.push(...(await readLabelFile(join(folder, "first", "clip_masks", `f${n}.png`))).data); // prettier-ignore
  expect([...labels.data]).toEqual(masks);
  expect(masks.some((label) => label === 1) && masks.some((label) => label === 2)).toBe(true);
  const table = readFileSync(join(folder, "first", files["areas"]), "utf8")
    .trimEnd()
    .split("\n");
  expect(table).toHaveLength(1 + 2 * COUNT);
  expect(table[1]).toBe(
    `0,f0,1,${objects[0].frames[0].pixels},${objects[0].frames[0].objectScore.toFixed(3)},0`,
  );

  expect(medsam([...provenance.command.split(" ").slice(1), "--out", "again"], folder)).toMatchObject({ status: 0 }); // prettier-ignore
  for (const name of [files["labels"], files["areas"], files["picture"]])
    expect(readFileSync(join(folder, "again", name)).equals(readFileSync(join(folder, "first", name)))).toBe(true); // prettier-ignore
});

test("a DICOM film by clicks in two frames: a DICOM segmentation too", () => {
  const { status, stdout, stderr } = medsam(["segment-video", "us.dcm", "--frame-box", "1,18,16,46,44", "--frame-point", "3,60,30,0", ...FAST, "--out", "film"], folder); // prettier-ignore
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/us\.dcm, 4 frames of 96 x 64 pixels\n {2}object 1: in \d frames?, /);
  const seg = readFileSync(join(folder, "film", "us_labels.dcm"));
  expect(seg.toString("latin1", 128, 132)).toBe("DICM");
  const { provenance } = JSON.parse(readFileSync(join(folder, "film", "us.json"), "utf8")) as Document;
  expect(provenance.command).toContain(
    "us.dcm --frame-box 1,18,16,46,44 --frame-point 3,60,30,0 --image-size 64",
  );
});

test("Ctrl-C in the middle leaves nothing", async () => {
  const args = ["segment-video", "long", "--frame", "0", "--box", "16,16,44,44", ...FAST, "--out", "stopped"];
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: ENV });
  const ended = once(child, "exit");
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    const before = said;
    said += chunk.toString();
    const begun = "% | segmenting";
    if (said.includes(begun) && !before.includes(begun)) child.kill("SIGINT");
  });
  expect(await ended).toEqual([130, null]);
  expect(said).toMatch(/medsam: interrupted\n$/);
  expect(existsSync(join(folder, "stopped")) ? readdirSync(join(folder, "stopped")) : []).toEqual([]);
});

test.each([
  [
    ["clip", "--frame", "9", "--box", "1,1,9,9"],
    1,
    /clip: object 1 is prompted in frame 9; expected one of 0 to 3/,
  ],
  [["clip", "--frame", "1", "--point", "99,3"], 1, /clip: object 1 in frame 1: point 1 .* of 96 x 64 pixels/],
  [
    ["clip", "--frame", "1", "--box", "1,1,9,9", "--checkpoint", "none"],
    2,
    /no weights: expected --checkpoint/,
  ],
  [["clip", "--frame", "1", "--box", "1,1,9,9", "--checkpoint", "SAM"], 1, /holds weights of .*; expected those of SAM 2\.1 or MedSAM2/], // prettier-ignore
  [
    ["empty", "--frame", "0", "--box", "1,1,9,9"],
    1,
    /empty: has no frames; expected PNG, JPEG or TIFF files/,
  ],
  [
    ["mixed", "--frame", "0", "--box", "1,1,9,9"],
    1,
    /mixed, frame 1, b\.png: is 8 x 8 pixels; expected 96 x 64/,
  ],
])("%j is refused in one line", (args, code, message) => {
  const out = temporaryFolder();
  for (const name of ["empty", "mixed"]) mkdirSync(join(folder, name), { recursive: true });
  const png = (width: number, height: number) => encodePng({ width, height, channels: 1, data: new Uint8Array(width * height) }); // prettier-ignore
  writeFileSync(join(folder, "mixed", "a.png"), png(WIDTH, HEIGHT));
  writeFileSync(join(folder, "mixed", "b.png"), png(8, 8));
  const at = args.indexOf("--checkpoint");
  const weights = { none: [], SAM: ["--checkpoint", join(MAIN, "../../../models/medsam-tiny.safetensors")] };
  const given = at === -1 ? [...args, ...FAST] : [...args.slice(0, at), ...weights[args[at + 1] as "none" | "SAM"]]; // prettier-ignore
  const { status, stderr } = medsam(["segment-video", ...given, "--out", join(out, "out")], folder);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(status).toBe(code);
  expect(existsSync(join(out, "out"))).toBe(false);
});
