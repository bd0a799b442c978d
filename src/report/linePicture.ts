import { blend, drawDisc, type Canvas, type Colour } from "../image/draw.js";
import { encodePng } from "../image/encode.js";
import { maskColour } from "../image/overlay.js";
import { drawText } from "../image/text.js";
import { makeAxis, type Axis } from "./axes.js";
import type { LinePlot, Series } from "./linePlot.js";

const [WIDTH, HEIGHT] = [960, 540];
const FRAME = { left: 110, right: 930, top: 60, bottom: 470 };
const [PAPER, GRID, INK]: readonly Colour[] = [[24, 24, 27], [58, 58, 64], [215, 215, 220]]; // prettier-ignore
const TEXT = { scale: 3, colour: INK } as const;
/** Of the names of curves. */
const LEGEND_WIDTH = 150;

/**
 * Curves over one axis as a PNG, for where no page can be shown: `linePlot` gives the same for pages. Curve `k` has the
 * colour of mask `k`.
 */
export function linePicture({ x, y, series }: LinePlot): Uint8Array {
  const data = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let i = 0; i < data.length; i++) data[i] = PAPER[i % 3];
  const canvas: Canvas = { width: WIDTH, height: HEIGHT, data };
  const values = (coordinate: 0 | 1) =>
    series.flatMap(({ points }) => points.map((point) => point[coordinate]));
  const across = makeAxis(values(0), x, [FRAME.left, FRAME.right]);
  const up = makeAxis(values(1), y, [FRAME.bottom, FRAME.top]);
  drawAxes(canvas, across, up);
  for (const [k, { points }] of series.entries()) drawCurve(canvas, points, across, up, maskColour(k));
  drawLegend(canvas, series);
  return encodePng({ width: WIDTH, height: HEIGHT, channels: 3, data });
}

function drawAxes(canvas: Canvas, across: Axis, up: Axis): void {
  const { left, right, top, bottom } = FRAME;
  for (const tick of across.ticks) {
    const at = across.place(tick);
    drawLine(canvas, [at, top], [at, bottom], 0.5, GRID);
    drawText(canvas, at, bottom + 14, across.text(tick), { ...TEXT, align: "middle" });
  }
  for (const tick of up.ticks) {
    const at = up.place(tick);
    drawLine(canvas, [left, at], [right, at], 0.5, GRID);
    drawText(canvas, left - 12, at - 7, up.text(tick), { ...TEXT, align: "right" });
  }
  drawText(canvas, (left + right) / 2, bottom + 44, across.label, { ...TEXT, align: "middle" });
  drawText(canvas, 12, 16, up.label, TEXT);
}

function drawCurve(canvas: Canvas, points: Series["points"], across: Axis, up: Axis, colour: Colour): void {
  let before: readonly [number, number] | undefined;
  for (const [x, y] of points) {
    const here = [across.place(x), up.place(y)] as const;
    const isDrawn = here.every(Number.isFinite);
    if (isDrawn && before) drawLine(canvas, before, here, 1.2, colour);
    else if (isDrawn) drawDisc(canvas, ...here, 1.5, colour);
    before = isDrawn ? here : undefined;
  }
}

/** As many as there is room for, from the right. */
function drawLegend(canvas: Canvas, series: readonly Series[]): void {
  const shown = series.slice(0, Math.floor((FRAME.right - FRAME.left) / LEGEND_WIDTH) - 1);
  for (const [k, { name }] of shown.entries()) {
    const at = FRAME.right - (shown.length - k) * LEGEND_WIDTH;
    drawLine(canvas, [at, 23], [at + 22, 23], 2, maskColour(k));
    drawText(canvas, at + 30, 16, name.slice(0, 9), TEXT);
  }
}

/** A line with smooth edges. @param radius half of its width. */
function drawLine(
  canvas: Canvas,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  radius: number,
  colour: Colour,
): void {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = Math.max(dx * dx + dy * dy, 1e-12);
  const out = radius + 1;
  for (let y = Math.floor(Math.min(y0, y1) - out); y <= Math.max(y0, y1) + out; y++)
    for (let x = Math.floor(Math.min(x0, x1) - out); x <= Math.max(x0, x1) + out; x++) {
      const share = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / squared));
      const covered = radius + 0.5 - Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
      if (covered > 0) blend(canvas, x, y, colour, Math.min(covered, 1));
    }
}
