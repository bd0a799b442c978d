import { InvalidArgumentError } from "commander";
import { checkPrompt } from "../predictor/checkPrompt.js";
import type { Box, Point, Prompt } from "../predictor/types.js";
import type { Margin } from "../predictor/volume/endOfObject.js";
import type { RecistLine } from "../predictor/volume/recist.js";
import { messageOf } from "./errors.js";

/** A point as it is written: `x,y` or `x,y,1` is in the object, `x,y,0` outside. */
export interface LabelledPoint {
  readonly point: Point;
  readonly label: 0 | 1;
}

/** For an option `--box x0,y0,x1,y1` that may be given many times. */
export function collectBox(text: string, boxes: readonly Box[] = []): readonly Box[] {
  const [x0, y0, x1, y1] = numbers(text, 4, "four numbers x0,y0,x1,y1 in pixels (left, top, right, bottom)");
  const box: Box = [x0, y0, x1, y1];
  assertPossible({ box });
  return [...boxes, box];
}

/** A box in a volume: left, top and first slice, right, bottom and last slice. */
export type Box3d = readonly [x0: number, y0: number, z0: number, x1: number, y1: number, z1: number];

/** For an option `--box3d x0,y0,z0,x1,y1,z1` that may be given many times. */
export function collectBox3d(text: string, boxes: readonly Box3d[] = []): readonly Box3d[] {
  const [x0, y0, z0, x1, y1, z1] = numbers(text, 6, "six numbers x0,y0,z0,x1,y1,z1 in pixels and slices");
  assertPossible({ box: [x0, y0, x1, y1] });
  if (![z0, z1].every(Number.isInteger) || z0 < 0 || z0 > z1)
    throw new InvalidArgumentError("Expected z0 and z1 to be the numbers of the first and last slice.");
  return [...boxes, [x0, y0, z0, x1, y1, z1]];
}

/** A box in a slice of a volume. */
export type SliceBox = readonly [slice: number, box: Box];

/** For an option `--slice-box k,x0,y0,x1,y1` that may be given many times. */
export function collectSliceBox(text: string, boxes: readonly SliceBox[] = []): readonly SliceBox[] {
  const [slice, x0, y0, x1, y1] = numbers(text, 5, "five numbers k,x0,y0,x1,y1: the slice, and pixels in it");
  const box: Box = [x0, y0, x1, y1];
  assertPossible({ box });
  return [...boxes, [parseSlice(String(slice)), box]];
}

/** Ends of a RECIST line, or a file of labels that mark such lines. */
export type RecistOption = RecistLine | string;

/** For an option `--recist x0,y0,x1,y1` that may be given many times, or `--recist FILE`. */
export function collectRecist(text: string, lines: readonly RecistOption[] = []): readonly RecistOption[] {
  if (!/^[\d\s.,+-]*$/.test(text)) return [...lines, text];
  const [x0, y0, x1, y1] = numbers(text, 4, "four numbers x0,y0,x1,y1, the ends of the line in pixels, or a file of labels"); // prettier-ignore
  return [...lines, [x0, y0, x1, y1]];
}

/** For an option that takes a number of something, or millimetres as `3mm`. */
export function parseMargin(text: string, most: number, expected: string): Margin {
  const [, number, unit] = /^(\d*\.?\d+)\s*(mm)?$/.exec(text.trim()) ?? [];
  if (number === undefined || (unit === undefined && Number(number) > most))
    throw new InvalidArgumentError(`Expected ${expected}, or millimetres such as 3mm.`);
  return unit === undefined ? Number(number) : { mm: Number(number) };
}

/** For an option `--point x,y[,0]` that may be given many times. */
export function collectPoint(text: string, points: readonly LabelledPoint[] = []): readonly LabelledPoint[] {
  const count = text.split(",").length === 2 ? 2 : 3;
  const [x, y, label = 1] = numbers(text, count, "x,y for a point in the object or x,y,0 for one outside it");
  if (label !== 0 && label !== 1)
    throw new InvalidArgumentError("Expected 1 (in the object) or 0 (outside it) after the point.");
  assertPossible({ pointCoords: [[x, y]], pointLabels: [label] });
  return [...points, { point: [x, y], label }];
}

/** A point in a slice of a volume. */
export type SlicePoint = readonly [slice: number, point: LabelledPoint];

/** For an option `--slice-point k,x,y[,0]` that may be given many times. */
export function collectSlicePoint(text: string, points: readonly SlicePoint[] = []): readonly SlicePoint[] {
  const [, slice, rest] = /^([^,]*),(.*)$/s.exec(text) ?? [];
  if (rest === undefined || !/^\d+$/.test(slice.trim()))
    throw new InvalidArgumentError(
      "Expected k,x,y or k,x,y,0: the slice, counted from 0, and a point in it.",
    );
  return [...points, [Number(slice), collectPoint(rest)[0]]];
}

/** Some points as the predictor takes them. */
export function pointPrompt(points: readonly LabelledPoint[]): Pick<Prompt, "pointCoords" | "pointLabels"> {
  if (points.length === 0) return {};
  return { pointCoords: points.map(({ point }) => point), pointLabels: points.map(({ label }) => label) };
}

/** For an option `--query x,y`: a pixel. */
export function parsePoint(text: string): Point {
  const [x, y] = numbers(text, 2, "x,y, a pixel of the image");
  assertPossible({ pointCoords: [[x, y]], pointLabels: [1] });
  return [x, y];
}

/** For an option `--slice k`. */
export function parseSlice(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected the number of a slice, counted from 0.");
  return Number(text);
}

/** For an option `--frame k` of a video. */
export function parseFrame(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected the number of a frame, counted from 0.");
  return Number(text);
}

/** For an option `--crop factor`. */
export function parseCrop(text: string): number {
  const factor = Number(text);
  if (text.trim() === "" || !(factor === 0 || (factor >= 1 && Number.isFinite(factor))))
    throw new InvalidArgumentError(
      "Expected a number of at least 1, the times of the box's longer side, or 0 for the whole image.",
    );
  return factor;
}

/**
 * What one object's prompt is made of, as the predictor takes it.
 *
 * @throws PromptError when there is no image that it could be right for.
 */
export function assertPossibleOnSomeImage(prompt: Prompt): void {
  checkPrompt(prompt, { width: Infinity, height: Infinity, maskSide: 0 });
}

function assertPossible(prompt: Prompt): void {
  try {
    assertPossibleOnSomeImage(prompt);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

function numbers(text: string, count: number, expected: string): number[] {
  const parts = text.split(",").map((part) => part.trim());
  const values = parts.map(Number);
  if (values.length !== count || parts.includes("") || !values.every(Number.isFinite))
    throw new InvalidArgumentError(`Expected ${expected}.`);
  return values;
}
