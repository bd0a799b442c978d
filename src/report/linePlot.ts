import {
  drawAcross,
  drawUp,
  inWords,
  makeAxis,
  plotFigure,
  rounded,
  type Axis,
  type AxisOptions,
} from "./axes.js";
import { markup, type Markup } from "./markup.js";
import { SERIES_STYLES } from "./style.js";

/** Curves over one axis. */
export interface LinePlot {
  readonly title: string;
  readonly x: AxisOptions;
  readonly y: AxisOptions;
  readonly series: readonly Series[];
}

/** A curve: its points from left to right. */
export interface Series {
  readonly name: string;
  /** By ascending x. One that is not finite interrupts the line. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

type Point = readonly [x: number, y: number];

const WIDTH = 720;
const FRAME = { left: 64, right: 704, bottom: 290 };
/** Of one entry of the legend. */
const LEGEND_HEIGHT = 18;

/**
 * Curves over one axis, such as losses over steps. Long series are drawn by the extremes of every pixel, so that they
 * look the same and the page stays small.
 */
export function linePlot({ title, x, y, series }: LinePlot): Markup {
  const top = 40 + (series.length > 1 ? LEGEND_HEIGHT * series.length : 0);
  const frame = { ...FRAME, top, bottom: FRAME.bottom + top - 40 };
  const across = makeAxis(eachOf(series, 0), x, [frame.left, frame.right]);
  const up = makeAxis(eachOf(series, 1), y, [frame.bottom, frame.top]);
  const lines = series.map(({ points }, index) => drawLine(points, across, up, index));
  const words = series.map(({ name, points }) => `${name}: ${describe(points)}`).join("; ");
  return plotFigure(
    { title, words },
    [WIDTH, frame.bottom + 44],
    [
      drawUp(up, frame),
      drawAcross(across, frame),
      markup`${lines}`,
      series.length > 1 ? legend(series) : markup``,
    ],
  );
}

function* eachOf(series: readonly Series[], coordinate: 0 | 1): Iterable<number> {
  for (const { points } of series) for (const point of points) if (isDrawn(point)) yield point[coordinate];
}

function isDrawn([x, y]: Point): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

/** A path with gaps, and a dot for every point that has no neighbour to be joined to. */
function drawLine(points: readonly Point[], across: Axis, up: Axis, index: number): Markup {
  const style = `s${index % SERIES_STYLES}`;
  const pieces = unbroken(points).map((piece) =>
    thinned(piece.map(([x, y]) => [rounded(across.place(x)), rounded(up.place(y))] as const)),
  );
  const dots = pieces
    .filter((piece) => piece.length === 1)
    .map(([[x, y]]) => markup`<circle class="${style}" cx="${x}" cy="${y}" r="3"/>`);
  const path = pieces
    .filter((piece) => piece.length > 1)
    .map((piece) => piece.map(([x, y], n) => `${n === 0 ? "M" : "L"}${x} ${y}`).join(""))
    .join("");
  return markup`${path === "" ? undefined : markup`<path class="line ${style}" style="fill:none" d="${path}"/>`}${dots}`;
}

function unbroken(points: readonly Point[]): Point[][] {
  const pieces: Point[][] = [[]];
  for (const point of points) {
    if (isDrawn(point)) pieces[pieces.length - 1].push(point);
    else pieces.push([]);
  }
  return pieces.filter((piece) => piece.length > 0);
}

/** Of the points within one unit across: the first, the lowest, the highest and the last. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= 2 * WIDTH) return points;
  const out: Point[] = [];
  for (let start = 0; start < points.length;) {
    const column = Math.floor(points[start][0]);
    let end = start;
    let [low, high] = [start, start];
    for (; end < points.length && Math.floor(points[end][0]) === column; end++) {
      if (points[end][1] < points[low][1]) low = end;
      if (points[end][1] > points[high][1]) high = end;
    }
    const kept = [...new Set([start, low, high, end - 1])].sort((a, b) => a - b);
    out.push(...kept.map((index) => points[index]));
    start = end;
  }
  return out;
}

function legend(series: readonly Series[]): Markup {
  return markup`${series.map(({ name }, index) => {
    const y = 14 + LEGEND_HEIGHT * index;
    const style = `s${index % SERIES_STYLES}`;
    return markup`<line class="line ${style}" x1="${FRAME.left}" x2="${FRAME.left + 32}" y1="${y}" y2="${y}"/><text x="${FRAME.left + 40}" y="${y + 4}">${name}</text>`;
  })}`;
}

function describe(points: readonly Point[]): string {
  const drawn = points.filter(isDrawn);
  if (drawn.length === 0) return "no points";
  const [first, last] = [drawn[0][1], drawn[drawn.length - 1][1]];
  return `${drawn.length} points, from ${inWords(first)} to ${inWords(last)}`;
}
