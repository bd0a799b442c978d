import type { Region } from "../../src/image/crop.js";
import type { LogitMap } from "../../src/predictor/types.js";
import type { DisplayWindow } from "../view/window.js";
import type { ModelInfo } from "../workers/modelWorker.js";
import type { Query, SegmentObject, Session, SlicePrompt } from "./session.js";

// Prompts and scores as a JSON file: fields named as in the command line's NAME.json where they mean the same.

/** What was known of one object on one slice when the file was written. */
export interface Answer {
  readonly score: number;
  readonly pixels: number;
}

/** What masks depend on beside prompts and weights. */
export interface Settings {
  readonly preset: string;
  /** As in the page's state; `shown` has a window. */
  readonly intensity: string;
  readonly window?: DisplayWindow;
  readonly crop: boolean;
}

export interface DocumentFacts extends Settings {
  readonly image: { readonly file: string; readonly width: number; readonly height: number; readonly sha256: string }; // prettier-ignore
  /** Undefined while none is in use. */
  readonly model?: ModelInfo;
  readonly version: string;
  readonly backend?: string;
}

/** A file that cannot be taken in: says what was expected and what came. */
export class DocumentError extends Error {
  override name = "DocumentError";
}

const FORMAT = "medsam-tfjs prompts 1";

/** With `crop`, the model sees this many times the box's longer side. */
export const CROP = 2;

/** The session as the text of a JSON file. */
export function writeDocument(
  { objects }: Session,
  { image, model, version, backend, preset, intensity, window, crop }: DocumentFacts,
  answerOf: (prompt: SlicePrompt) => Answer | undefined,
): string {
  const document = {
    format: FORMAT,
    image,
    objects: objects.map(({ name, colour, prompts }, index) => ({
      value: index + 1,
      label: name,
      colour,
      slices: [...prompts].map(([slice, prompt]) => ({
        slice,
        ...writeQuery(prompt.query),
        ...(prompt.candidate !== undefined && { candidate: prompt.candidate }),
        ...answerOf(prompt),
      })),
    })),
    provenance: {
      package: "medsam-tfjs",
      version,
      ...(model && { checkpoint: { name: model.name, sha256: model.sha256, embedded: model.embedded } }),
      preset,
      intensity: window ? `level ${window.centre}, width ${window.width}` : intensity,
      ...(crop && { crop: CROP }),
      ...(backend !== undefined && { backend }),
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function writeQuery({ box, points, multimask, maskInput }: Query) {
  return {
    ...(box && { box }),
    ...(points.length > 0 && { points: points.map(({ at, label }) => ({ point: at, label })) }),
    ...(multimask && { multimask }),
    ...(maskInput && { maskInput: writeLogits(maskInput) }),
  };
}

/**
 * Reads what `writeDocument` wrote.
 *
 * @param image that is open: the prompts must lie in it.
 * @returns the prompts, and what was set when they were written where the file says so.
 * @throws DocumentError when the text is something else, or made for an image of another size.
 */
export function readDocument(
  text: string,
  image: { readonly width: number; readonly height: number; readonly slices: number },
): { session: Session; settings?: Settings } {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    throw new DocumentError(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const document = fields(root, "the file");
  if (document["format"] !== FORMAT)
    throw new DocumentError(`it holds no prompts of this page; expected "format": "${FORMAT}"`);
  const made = fields(document["image"], "image");
  if (made["width"] !== image.width || made["height"] !== image.height)
    throw new DocumentError(
      `its prompts are for an image of ${String(made["width"])} x ${String(made["height"])} pixels; ` +
        `the open one has ${image.width} x ${image.height}; open that image first`,
    );
  const objects = list(document["objects"], "objects").map((value, index) =>
    readObject(value, index, image.slices),
  );
  const session: Session = {
    objects,
    nextId: objects.length + 1,
    ...(objects.length > 0 && { selected: objects.length }),
  };
  const { provenance } = document;
  return { session, ...(provenance !== undefined && { settings: readSettings(provenance) }) };
}

function readSettings(value: unknown): Settings {
  const { preset, intensity, crop } = fields(value, "provenance");
  if (typeof preset !== "string" || typeof intensity !== "string")
    throw new DocumentError("provenance lacks preset or intensity");
  if (crop !== undefined && crop !== CROP)
    throw new DocumentError(`provenance: crop is ${JSON.stringify(crop)}; this page can take ${CROP} only`);
  const [, centre, width] = (/^level (.+), width (.+)$/.exec(intensity) ?? []).map(Number);
  const isWindow = Number.isFinite(centre) && width > 0;
  return {
    ...{ preset, crop: crop !== undefined, intensity: isWindow ? "shown" : intensity },
    ...(isWindow && { window: { centre, width } }),
  };
}

function readObject(value: unknown, index: number, slices: number): SegmentObject {
  const what = `object ${index + 1}`;
  const { label, colour, slices: prompts } = fields(value, what);
  if (typeof label !== "string") throw new DocumentError(`${what} has no label`);
  const read = list(prompts, `${what}: slices`).map((item): [number, SlicePrompt] => {
    const slice = fields(item, what);
    const number = whole(slice["slice"], `${what}: slice`, slices);
    const candidate = slice["candidate"];
    return [
      number,
      {
        query: readQuery(slice, what),
        ...(candidate !== undefined && { candidate: whole(candidate, `${what}: candidate`, 3) }),
      },
    ];
  });
  return {
    id: index + 1,
    name: label,
    colour: whole(colour, `${what}: colour`, 1e6),
    visible: true,
    prompts: new Map(read),
  };
}

function readQuery({ box, points, multimask, maskInput }: Record<string, unknown>, what: string): Query {
  return {
    points: (points === undefined ? [] : list(points, `${what}: points`)).map((item) => {
      const { point, label } = fields(item, `${what}: points`);
      const [x, y] = numbers(point, 2, `${what}: point`);
      return { at: [x, y], label: label === 0 ? 0 : 1 };
    }),
    multimask: multimask === true,
    ...(box !== undefined && { box: numbers(box, 4, `${what}: box`) as [number, number, number, number] }),
    ...(maskInput !== undefined && { maskInput: readLogits(maskInput, `${what}: maskInput`) }),
  };
}

/** Written after every edit, and a quarter of a million values long. */
const written = new WeakMap<LogitMap, Omit<LogitMap, "data"> & { readonly float32: string }>();

/** Single-precision values, exactly: little-endian bytes in base64. */
function writeLogits(map: LogitMap) {
  const kept = written.get(map);
  if (kept) return kept;
  const { data, ...place } = map;
  const bytes = new Uint8Array(data.slice().buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  const result = { ...place, float32: btoa(text) };
  written.set(map, result);
  return result;
}

function readLogits(value: unknown, what: string): LogitMap {
  const { width, height, float32, region } = fields(value, what);
  const [columns, rows] = [whole(width, what, 4097), whole(height, what, 4097)];
  let text: string;
  try {
    text = atob(String(float32));
  } catch {
    throw new DocumentError(`${what} is not base64`);
  }
  if (text.length !== 4 * columns * rows)
    throw new DocumentError(`${what} has ${text.length} bytes; expected ${4 * columns * rows}`);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const map = { width: columns, height: rows, data: new Float32Array(bytes.buffer) };
  return region === undefined ? map : { ...map, region: readRegion(region, `${what}: region`) };
}

function readRegion(value: unknown, what: string): Region {
  const { x, y, width, height } = fields(value, what);
  const most = 2 ** 24;
  return {
    ...{ x: whole(x, what, most), y: whole(y, what, most) },
    ...{ width: whole(width, what, most), height: whole(height, what, most) },
  };
}

function fields(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DocumentError(`${what} is not an object with fields`);
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new DocumentError(`${what} is not a list`);
  return value as unknown[];
}

function numbers(value: unknown, count: number, what: string): number[] {
  const found = list(value, what);
  if (found.length !== count || !found.every((item) => typeof item === "number" && Number.isFinite(item)))
    throw new DocumentError(`${what} is ${JSON.stringify(value)}; expected ${count} numbers`);
  return found as number[];
}

function whole(value: unknown, what: string, end: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= end)
    throw new DocumentError(`${what} is ${JSON.stringify(value)}; expected a whole number of 0..${end - 1}`);
  return value;
}
