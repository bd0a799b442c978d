import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeImage } from "../../src/image/decode.js";
import { toFloat32 } from "../../src/weights/numbers.js";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { npzBytes } from "../../src/volume/npzWrite.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import { medsam, SAMPLE, temporaryFolder } from "./medsam.js";
import { medSam2 } from "./sam2Weights.js";
import { severalMaskWeights } from "./severalMasks.js";

const BOX = ["--box", "114,205,186,275"];

test("writes values and pictures, and a page that shows them", { timeout: 100_000 }, async () => {
  const folder = join(temporaryFolder(), "new");
  const taps = ["--tap", "image_encoder.blocks.*.attn", "--tap", "**.all_masks"];
  const { status, stdout, stderr } = medsam(["trace", SAMPLE, ...BOX, ...taps, "--out", folder, "--json"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const document = JSON.parse(stdout) as {
    tensors: Record<string, number[]>;
    files: string[];
    query: number[];
  };
  expect(document.query).toEqual([150, 240]);
  expect(Object.keys(document.tensors)).toHaveLength(7);
  expect(document.tensors["image_encoder.blocks.1.attn"]).toEqual([1, 16, 16, 192]);
  expect(readdirSync(folder).sort()).toEqual([...document.files].sort());

  const file = openCheckpointFile(join(folder, "trace.safetensors"));
  const name = "mask_decoder.all_masks";
  expect(file.tensors.get(name)).toEqual({ dtype: "F32", shape: [1, 4, 64, 64] });
  const logits = toFloat32(file.readBytes(name), "F32");
  file.close();
  // The lesion is found, so some of the single mask's logits are positive.
  expect(logits.subarray(0, 4096).filter((value) => value > 0).length).toBeGreaterThan(50);

  for (const picture of ["rollout", "similarity", "attention_block_1", "attention_block_5", "mask"]) {
    const { width, data } = await decodeImage(readFileSync(join(folder, `${picture}.png`)), picture);
    expect(width).toBeGreaterThan(200);
    expect(new Set(data).size).toBeGreaterThan(50);
  }
  // The weights in the package never learnt to give several masks.
  expect(document.files.filter((file) => file.startsWith("candidate"))).toEqual([]);
  const page = readFileSync(join(folder, "index.html"), "utf8");
  expect(page).toContain("Attention rollout");
  expect(page).toContain("image_encoder.blocks.5.attn");
  expect(page).not.toContain(folder);
});

test("draws the candidates of weights that learnt to give several", () => {
  const folder = temporaryFolder();
  const weights = ["--checkpoint", severalMaskWeights(folder), "--tap", "**.all_masks"];
  const { status, stderr } = medsam(["trace", SAMPLE, ...BOX, ...weights], folder);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const candidates = readdirSync(join(folder, "trace")).filter((file) => file.startsWith("candidate"));
  expect(candidates).toEqual(["candidate_1.png", "candidate_2.png", "candidate_3.png"]);
});

test("names the nearest where a tap does not exist, before anything runs", () => {
  const folder = join(temporaryFolder(), "none");
  const { status, stderr } = medsam([
    "trace",
    SAMPLE,
    ...BOX,
    "--tap",
    "image_encoder.blocks.*.atn.q",
    "--out",
    folder,
  ]);
  expect(status).toBe(2);
  expect(stderr).toContain(
    '"image_encoder.blocks.*.atn.q" matches no layer or named value; near it are image_encoder.',
  );
  expect(stderr).toMatch(/near it are .*attn\.q/);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(existsSync(folder)).toBe(false);
});

test("refuses a query outside what the model sees, and two objects", () => {
  for (const [query, crop, message] of [
    ["9999,3", "2", "--query at [9999,3] lies outside the image of 512 x 512 pixels"],
    ["60,240", "2", "outside what the model sees around the box, columns 78 to 222 and rows 168 to 312"],
  ])
    expect(medsam(["trace", SAMPLE, ...BOX, "--query", query, "--crop", crop])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(message) as string,
    });
  expect(medsam(["trace", SAMPLE, ...BOX, ...BOX])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("one object is traced at a time") as string,
  });
});

test("MedSAM2: where a pixel looks in the slices that are remembered", { timeout: 100_000 }, async () => {
  const folder = temporaryFolder();
  saveSafetensors(join(folder, "medsam2.safetensors"), medSam2(1));
  const data = Uint8Array.from({ length: 5 * 40 * 30 }, (_, i) => (37 * i + 101 * (i % 13)) % 256);
  writeFileSync(join(folder, "v.npz"), npzBytes({ imgs: { shape: [5, 40, 30], data } }));
  const trace = (...args: string[]) => medsam(["trace", "v.npz", "--checkpoint", "medsam2.safetensors", "--image-size", "64", "--box", "5,8,20,31", "--json", ...args], folder); // prettier-ignore
  const { status, stdout, stderr } = trace("--slice", "3", "--query-slice", "1", "--query", "6,9");
  expect(status, stderr).toBe(0);
  const { looks } = JSON.parse(stdout) as { looks: { slice: number; share: number; pointerShare: number }[] };
  expect(looks.map(({ slice }) => slice)).toEqual([2, 3]);
  expect(looks.reduce((sum, { share, pointerShare }) => sum + share + pointerShare, 0)).toBeCloseTo(1, 4);

  const file = openCheckpointFile(join(folder, "trace", "trace.safetensors"));
  const name = "memory_attention.layers.3.cross_attn_image.look";
  expect(file.tensors.get(name)).toEqual({ dtype: "F32", shape: [2, 4, 4] });
  file.close();
  for (const slice of [1, 2, 3]) {
    const { width } = await decodeImage(readFileSync(join(folder, "trace", `slice_${slice}.png`)), "picture");
    expect(width).toBeGreaterThan(200);
  }
  const page = readFileSync(join(folder, "trace", "index.html"), "utf8");
  expect(page).toContain("Slice 3, the prompted one");

  const refused = trace("--slice", "3", "--query-slice", "3", "--out", "none");
  expect(refused.stderr).toContain("--query-slice 3 is the prompted slice, which looks at no memory");
  expect(refused.status).toBe(1);
  const sam = medsam(["trace", "v.npz", "--slice", "3", "--query-slice", "1", "--box", "5,8,20,31", "--out", "none"], folder); // prettier-ignore
  expect(sam).toMatchObject({ status: 1, stderr: expect.stringMatching(/expected those of SAM 2\.1 or MedSAM2/) as string }); // prettier-ignore
  expect(existsSync(join(folder, "none"))).toBe(false);
});
