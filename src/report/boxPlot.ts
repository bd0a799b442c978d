import { drawAcross, inWords, makeAxis, plotFigure, rounded, type Axis, type AxisOptions } from "./axes.js";
import { markup, type Markup } from "./markup.js";

/** A box plot of groups side by side. */
export interface BoxPlot {
  readonly title: string;
  /** The axis of all groups, which goes to the right. */
  readonly axis: AxisOptions;
  readonly groups: readonly Group[];
}

/** Values that share a box. */
export interface Group {
  readonly name: string;
  /** In any order. Those that are not finite are left out and counted in the name. */
  readonly values: readonly number[];
}

const WIDTH = 720;
const LEFT = 16;
const RIGHT = 700;
const TOP = 8;
/** A group's name, its box and its dots. */
const ROW = 56;
/** More values than this are not drawn one by one. */
const MOST_DOTS = 400;

/**
 * How values spread, one row a group: the box holds the middle half of them, the thick line is the median, the
 * whiskers reach to the last value within one and a half boxes. Every value is a dot; of many, only those beyond the
 * whiskers.
 */
export function boxPlot({ title, axis: options, groups }: BoxPlot): Markup {
  const bottom = TOP + ROW * groups.length;
  const axis = makeAxis(
    groups.flatMap(({ values }) => [...values]),
    options,
    [LEFT, RIGHT],
  );
  const rows = groups.map((group, index) => drawGroup(group, TOP + ROW * index, axis));
  const words = groups.map(({ name, values }) => `${name}: ${describe(finite(values))}`).join("; ");
  return plotFigure(
    { title, words },
    [WIDTH, bottom + 44],
    [drawAcross(axis, { left: LEFT, right: RIGHT, top: TOP, bottom }), markup`${rows}`],
  );
}

function drawGroup({ name, values }: Group, top: number, axis: Axis): Markup {
  const sorted = finite(values);
  const missing = values.length - sorted.length;
  const count = `${sorted.length}${missing > 0 ? `, ${missing} not finite` : ""}`;
  const label = markup`<text x="${LEFT + 4}" y="${top + 15}">${name} (${count})</text>`;
  if (sorted.length === 0) return label;
  const [q1, median, q3] = [0.25, 0.5, 0.75].map((share) => quantile(sorted, share));
  const reach = 1.5 * (q3 - q1);
  const inside = sorted.filter((value) => value >= q1 - reach && value <= q3 + reach);
  const [low, high] = [inside[0], inside[inside.length - 1]];
  const middle = top + 36;
  const x = (value: number) => rounded(axis.place(value));
  const across = (from: number, to: number) =>
    markup`<line class="s0" x1="${x(from)}" x2="${x(to)}" y1="${middle}" y2="${middle}"/>`;
  const upright = (value: number, half: number, width: number) =>
    markup`<line class="s0" x1="${x(value)}" x2="${x(value)}" y1="${middle - half}" y2="${middle + half}" stroke-width="${width}"/>`;
  const dots = (sorted.length <= MOST_DOTS ? sorted : sorted.filter((v) => v < low || v > high)).map(
    // Spread up and down by a fixed rule, so that equal values do not hide each other.
    (value, n) => markup`<circle class="dot s1" cx="${x(value)}" cy="${middle - 9 + ((n * 7) % 19)}" r="2"/>`,
  );
  return markup`${label}<rect class="box s0" x="${x(q1)}" y="${middle - 12}" width="${rounded(x(q3) - x(q1))}" height="24"/>${across(low, q1)}${across(q3, high)}${upright(low, 6, 1.5)}${upright(high, 6, 1.5)}${dots}${upright(median, 12, 3)}`;
}

function finite(values: readonly number[]): number[] {
  return values.filter(Number.isFinite).sort((a, b) => a - b);
}

/** With straight lines between the values, as numpy.quantile does. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

function describe(sorted: readonly number[]): string {
  if (sorted.length === 0) return "no values";
  const median = quantile(sorted, 0.5);
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  return `${sorted.length} values, median ${inWords(median)}, from ${inWords(least)} to ${inWords(most)}`;
}
