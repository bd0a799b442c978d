import { statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join, parse } from "node:path";
import { isPicture } from "../image/decode.js";
import { readLabelFile } from "../image/decode.node.js";
import { labelsIn, maskOfLabel } from "../image/mask.js";
import type { Box } from "../predictor/types.js";
import type { SlicePrompt, VolumeObject } from "../predictor/volume/volumeObject.js";
import type { Video } from "../video/video.js";
import { UsageError } from "./errors.js";
import { drawnIn, parseRows, unexpected } from "./manifest.js";
import { readText } from "./segmentJobs.js";
import { pointPrompt, type LabelledPoint, type SliceBox, type SlicePoint } from "./prompts.js";

/** What a command line says about the objects in a video. */
export interface VideoPromptOptions {
  readonly box?: readonly Box[];
  readonly point?: readonly LabelledPoint[];
  readonly frame?: number;
  readonly frameBox?: readonly SliceBox[];
  readonly framePoint?: readonly SlicePoint[];
  readonly mask?: string;
  readonly prompts?: string;
}

/** @throws UsageError when it is not clear what to segment. */
export function checkVideoPrompts(options: VideoPromptOptions): void {
  const { box, point, frame, frameBox, framePoint, mask, prompts } = options;
  const drawn = [box, point, frameBox, framePoint].some((given) => given !== undefined);
  if (!drawn && mask === undefined && prompts === undefined)
    throw new UsageError(
      "no prompt: expected --box x0,y0,x1,y1 --frame k, --point x,y --frame k, or --frame-box, --frame-point, --mask or " +
        "--prompts",
    );
  for (const [flag, file] of Object.entries({ "--mask": mask, "--prompts": prompts }))
    if (file !== undefined && (drawn || (mask !== undefined && prompts !== undefined)))
      throw new UsageError(`${flag} goes without other prompts: the objects are in its file`);
  if (frame !== undefined && box === undefined && point === undefined && mask === undefined)
    throw new UsageError(
      "--frame goes with --box, --point and --mask: it is the frame that they are drawn in",
    );
  if (point !== undefined && (box?.length ?? 0) > 1)
    throw new UsageError(
      `--point with ${box?.length} boxes: it is not clear which object the points mean; give one box, or --prompts`,
    );
  const twice = frameBox?.find(([k], n) => frameBox.findIndex(([other]) => other === k) !== n);
  if (twice !== undefined)
    throw new UsageError(
      `--frame-box: frame ${twice[0]} has two boxes; they are of one object: give others with --box or --prompts`,
    );
}

/**
 * The objects that a command line names.
 *
 * @throws UsageError for files that cannot be meant; ImageError for a mask that cannot be read.
 */
export async function videoObjects(video: Video, options: VideoPromptOptions): Promise<VolumeObject[]> {
  const { box = [], point = [], frameBox = [], framePoint = [], mask, prompts } = options;
  if (prompts !== undefined) return objectsOfTable(readText(prompts), prompts);
  if (mask !== undefined) return objectsOfMasks(video, mask, options);
  const objects: Pick<VolumeObject, "prompts">[] = [];
  if (box.length + point.length > 0) {
    const frame = frameOf(video, options, box.length > 0 ? "--box" : "--point");
    const drawn = point.length > 0 ? [promptOf(box[0], point)] : box.map((one) => promptOf(one, []));
    objects.push(...drawn.map((prompt) => ({ prompts: new Map([[frame, prompt]]) })));
  }
  const frames = [...new Set([...frameBox, ...framePoint].map(([frame]) => frame))];
  if (frames.length > 0)
    objects.push({
      prompts: new Map(
        frames.map((frame) => {
          const own = framePoint.filter(([at]) => at === frame).map(([, one]) => one);
          return [frame, promptOf(frameBox.find(([at]) => at === frame)?.[1], own)];
        }),
      ),
    });
  return objects.map((object, index) => ({ label: index + 1, ...object }));
}

function promptOf(box: Box | undefined, points: readonly LabelledPoint[]): SlicePrompt {
  return { ...(box && { box }), ...pointPrompt(points) };
}

function frameOf({ name, count }: Video, { frame }: VideoPromptOptions, flag: string): number {
  if (frame === undefined)
    throw new UsageError(
      `${name}: has ${count} frames; expected --frame 0 to ${count - 1}, the one that ${flag} is drawn in`,
    );
  return frame;
}

const EXPECTED = "expected a table of frame, object, x0, y0, x1, y1, points";

/** A row is an object in a frame: a box, points or both. Rows with the same `object` are one. */
function objectsOfTable(text: string, name: string): VolumeObject[] {
  const rows = parseRows(text, name, { expected: EXPECTED, strict: true }, (fields) => {
    const { box, points = [] } = drawnIn(fields);
    const { frame, object } = fields;
    const number = frame === "" ? NaN : Number(frame);
    if (!Number.isInteger(number) || number < 0)
      throw unexpected("frame", frame, "the number of a frame, from 0");
    return { frame: number, object, prompt: promptOf(box, points) };
  });
  const objects = new Map<string, Map<number, SlicePrompt>>();
  for (const one of rows) {
    if (!("value" in one)) continue; // `strict` threw
    const { frame, object: given, prompt } = one.value;
    const object = given === undefined || given === "" ? `row ${one.row}` : `object ${JSON.stringify(given)}`;
    const own = objects.get(object) ?? new Map<number, SlicePrompt>();
    if (own.has(frame))
      throw new UsageError(`${name}, row ${one.row}: ${object} has two rows in frame ${frame}; expected one`);
    objects.set(object, own.set(frame, prompt));
  }
  return [...objects.values()].map((prompts, index) => ({ label: index + 1, prompts }));
}

/** Label maps: of the frame `--frame` in a file, or a folder with one for each of some frames, named as they are. */
async function objectsOfMasks(
  video: Video,
  path: string,
  options: VideoPromptOptions,
): Promise<VolumeObject[]> {
  const files = new Map<number, string>();
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    if (options.frame !== undefined)
      throw new UsageError(
        `--frame with ${path}: a folder's masks are named as their frames; leave --frame out`,
      );
    for (const [file, frame] of await namedFrames(video, path)) files.set(frame, file);
  } else files.set(frameOf(video, options, "--mask"), path);
  const objects = new Map<number, Map<number, SlicePrompt>>();
  for (const [frame, file] of files) {
    const labels = await readLabelFile(file);
    const { width, height } = video;
    if (labels.width !== width || labels.height !== height)
      throw new UsageError(
        `${file}: is ${labels.width} x ${labels.height} pixels; expected ${width} x ${height}, as the frames`,
      );
    for (const label of labelsIn(labels)) {
      const own = objects.get(label) ?? new Map<number, SlicePrompt>();
      objects.set(label, own.set(frame, { mask: maskOfLabel(labels, label) }));
    }
  }
  if (objects.size === 0)
    throw new UsageError(`${path}: has no pixel that is not 0; expected the objects' labels`);
  return [...objects].sort(([a], [b]) => a - b).map(([label, prompts]) => ({ label, prompts }));
}

async function namedFrames(video: Video, folder: string): Promise<[file: string, frame: number][]> {
  const numbers = new Map(Array.from({ length: video.count }, (_, frame) => [video.frameName(frame), frame]));
  const found: [string, number][] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory() || entry.name.startsWith(".") || !isPicture(await readFile(file))) continue;
    const frame = numbers.get(parse(entry.name).name);
    if (frame === undefined)
      throw new UsageError(
        `${file}: is named after no frame of ${basename(video.name)}; expected names such as ${video.frameName(0)}.png`,
      );
    found.push([file, frame]);
  }
  if (found.length === 0)
    throw new UsageError(`${folder}: has no masks; expected PNG files named as their frames`);
  return found.sort(([, a], [, b]) => a - b);
}
