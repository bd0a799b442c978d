import type { Box, Point } from "../../src/predictor/types.js";
import type { Heat } from "../state/app.js";
import type { Layer } from "./maskLayer.js";
import { css, WHITE, type Rgb } from "./palette.js";
import { rulerLength, toCanvas, type Transform } from "./transform.js";

/** The prompts of one object as they are drawn. */
export interface DrawnObject {
  readonly colour: Rgb;
  readonly selected: boolean;
  readonly box?: Box;
  readonly points: readonly { readonly at: Point; readonly label: 0 | 1 }[];
}

export interface Scene {
  /** The slice in 8 bits. */
  readonly picture: ImageBitmap | undefined;
  /** Its masks, of the same size. */
  readonly masks: OffscreenCanvas | undefined;
  readonly objects: readonly DrawnObject[];
  /** A box that is being drawn, and its mask. */
  readonly draft: Box | undefined;
  readonly preview: Layer | undefined;
  /** Where one of the model's heads attends, and from which place. */
  readonly heat: Heat | undefined;
  readonly place: Point | undefined;
  /** A line that is being measured. */
  readonly measured: { readonly from: Point; readonly to: Point; readonly text: string } | undefined;
  /** Where the keyboard is, while the canvas has the focus. */
  readonly cursor: Point | undefined;
  /** Millimetres a pixel, for the ruler. */
  readonly spacing: readonly [x: number, y: number] | undefined;
}

type Context = CanvasRenderingContext2D;

/** Side of a corner that can be taken hold of. */
export const HANDLE = 8;

/** Draws everything. `ratio`: device pixels a CSS pixel; the transform is in CSS pixels. */
export function drawScene(context: Context, scene: Scene, view: Transform, ratio: number): void {
  const { canvas } = context;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.width / ratio, canvas.height / ratio);
  const { picture } = scene;
  if (picture === undefined) return;
  const lay = (layer: ImageBitmap | OffscreenCanvas, at: Point = [0, 0]) =>
    context.drawImage(layer, ...toCanvas(view, at), layer.width * view.scale, layer.height * view.scale);
  // Enlarged pixels stay pixels: nothing is made up between them.
  context.imageSmoothingEnabled = view.scale < 1;
  lay(picture);
  if (scene.heat) drawHeat(context, scene.heat, view);
  if (scene.masks) lay(scene.masks);
  if (scene.preview) lay(scene.preview.canvas, [scene.preview.x, scene.preview.y]);
  for (const object of scene.objects) drawPrompts(context, object, view);
  if (scene.draft) drawBox(context, scene.draft, WHITE, view, true);
  if (scene.place) drawPlace(context, scene.place, view);
  if (scene.measured) drawMeasure(context, scene.measured, view);
  if (scene.cursor) drawCursor(context, scene.cursor, view);
  if (scene.spacing) drawRuler(context, scene.spacing[0] / view.scale, canvas.height / ratio);
}

/** Between the centres of cells values change evenly. */
function drawHeat(context: Context, { picture, cover, region, opacity }: Heat, view: Transform): void {
  const before = context.imageSmoothingEnabled;
  context.imageSmoothingEnabled = true;
  context.globalAlpha = opacity;
  const [x, y] = toCanvas(view, [region.x, region.y]);
  const [width, height] = [region.width * view.scale, region.height * view.scale];
  context.drawImage(picture, 0, 0, cover.width, cover.height, x, y, width, height);
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = before;
}

function drawPlace(context: Context, at: Point, view: Transform): void {
  const [x, y] = toCanvas(view, at);
  for (const [style, radius] of [
    ["rgb(0 0 0 / .7)", 7.5],
    ["#fff", 6.5],
    ["rgb(0 140 255)", 4.5],
  ] as const) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = style;
    context.fill();
  }
}

function drawPrompts(
  context: Context,
  { box, points, colour, selected }: DrawnObject,
  view: Transform,
): void {
  if (box) {
    drawBox(context, box, colour, view, selected);
    if (selected) drawHandles(context, box, colour, view);
  }
  for (const { at, label } of points) {
    const [x, y] = toCanvas(view, at);
    context.beginPath();
    context.arc(x, y, 5.5, 0, 2 * Math.PI);
    context.fillStyle = label === 1 ? css(colour) : "#14181d";
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = label === 1 ? "#fff" : css(colour);
    context.stroke();
    // Told apart by more than colour: a plus inside, a minus outside.
    context.beginPath();
    context.moveTo(x - 3, y);
    context.lineTo(x + 3, y);
    if (label === 1) {
      context.moveTo(x, y - 3);
      context.lineTo(x, y + 3);
    }
    context.lineWidth = 1.5;
    context.strokeStyle = label === 1 ? "#14181d" : "#fff";
    context.stroke();
  }
}

function drawBox(
  context: Context,
  [x0, y0, x1, y1]: Box,
  colour: Rgb,
  view: Transform,
  strong: boolean,
): void {
  const [left, top] = toCanvas(view, [x0, y0]);
  const [right, bottom] = toCanvas(view, [x1, y1]);
  // A dark line below the bright one shows on any image.
  for (const [style, width] of [
    ["rgb(0 0 0 / .6)", strong ? 4 : 3],
    [css(colour, strong ? 1 : 0.8), strong ? 2 : 1.25],
  ] as const) {
    // prettier-ignore
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(left, top, right - left, bottom - top);
  }
}

function drawHandles(context: Context, [x0, y0, x1, y1]: Box, colour: Rgb, view: Transform): void {
  for (const corner of [
    [x0, y0],
    [x1, y0],
    [x0, y1],
    [x1, y1],
  ] as const) {
    // prettier-ignore
    const [x, y] = toCanvas(view, corner);
    context.fillStyle = "#14181d";
    context.fillRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
    context.strokeStyle = css(colour);
    context.lineWidth = 2;
    context.strokeRect(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE);
  }
}

function drawCursor(context: Context, at: Point, view: Transform): void {
  const [x, y] = toCanvas(view, at);
  for (const [style, width] of [
    ["rgb(0 0 0 / .7)", 4],
    ["#fff", 1.5],
  ] as const) {
    context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      // prettier-ignore
      context.moveTo(x + 4 * dx, y + 4 * dy);
      context.lineTo(x + 12 * dx, y + 12 * dy);
    }
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  }
}

function drawMeasure(
  context: Context,
  { from, to, text }: NonNullable<Scene["measured"]>,
  view: Transform,
): void {
  const [x0, y0] = toCanvas(view, from);
  const [x1, y1] = toCanvas(view, to);
  for (const [style, width] of [
    ["rgb(0 0 0 / .7)", 4],
    ["#ffd866", 2],
  ] as const) {
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  }
  label(context, text, x1 + 10, y1 - 10, "#ffd866");
}

function drawRuler(context: Context, millimetresAPixel: number, height: number): void {
  const length = rulerLength(millimetresAPixel, 160);
  const [x, y] = [16, height - 18];
  const width = length / millimetresAPixel;
  for (const [style, line] of [
    ["rgb(0 0 0 / .7)", 4],
    ["#fff", 2],
  ] as const) {
    context.beginPath();
    context.moveTo(x, y - 5);
    context.lineTo(x, y);
    context.lineTo(x + width, y);
    context.lineTo(x + width, y - 5);
    context.lineWidth = line;
    context.strokeStyle = style;
    context.stroke();
  }
  label(context, length >= 10 ? `${length / 10} cm` : `${length} mm`, x + width + 8, y + 4, "#fff");
}

function label(context: Context, text: string, x: number, y: number, colour: string): void {
  context.font = "600 12px system-ui, sans-serif";
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / .8)";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}
