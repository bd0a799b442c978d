import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readImageFile, readLabelFile, readNpzFile } from "../../image/decode.node.js";
import { maskOfLabel, type Mask, type PixelBox } from "../../image/mask.js";
import { npzLabels, npzSlice } from "../../image/npz.js";
import type { PixelImage } from "../../image/pixels.js";

/** A box around something in one of the sample files beside the project: an entry of test/parity/prompts.json. */
export interface RealPrompt {
  readonly id: string;
  /** A file of the sample data. */
  readonly image: string;
  /** Of an npz. */
  readonly slice?: number;
  readonly box: PixelBox;
  readonly truth?: {
    readonly file: string;
    readonly label: number;
    /** What lies outside is another object. */
    readonly within?: PixelBox;
  };
}

export async function readRealPrompts(path: string): Promise<readonly RealPrompt[]> {
  return JSON.parse(await readFile(path, "utf8")) as readonly RealPrompt[];
}

/** The picture that a prompt is on, from the folder of the sample data. */
export async function readPromptImage({ image, slice }: RealPrompt, data: string): Promise<PixelImage> {
  const path = join(data, image);
  return slice === undefined ? readImageFile(path) : npzSlice(await readNpzFile(path), slice);
}

/** The ground truth of a prompt; `undefined` where there is none. */
export async function readPromptTruth({ truth, slice }: RealPrompt, data: string): Promise<Mask | undefined> {
  if (truth === undefined) return undefined;
  const path = join(data, truth.file);
  const labels = slice === undefined ? await readLabelFile(path) : npzLabels(await readNpzFile(path), slice);
  const mask = maskOfLabel(labels, truth.label);
  const { within } = truth;
  if (within === undefined) return mask;
  const [x0, y0, x1, y1] = within;
  const inside = (n: number) => {
    const [x, y] = [n % mask.width, Math.floor(n / mask.width)];
    return x >= x0 && x <= x1 && y >= y0 && y <= y1;
  };
  return { ...mask, data: mask.data.map((value, n) => (inside(n) ? value : 0)) };
}
