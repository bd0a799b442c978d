import { markup, type Markup } from "./markup.js";

/** What an axis shows. */
export interface AxisOptions {
  readonly label: string;
  /** Values that the axis reaches at least; it is widened to what is drawn. */
  readonly from?: number;
  readonly to?: number;
}

/** An axis from value to place. */
export interface Axis {
  readonly label: string;
  /** Round values, ascending; the first and the last are its ends. */
  readonly ticks: readonly number[];
  /** Place in the picture, in its own units. */
  place(value: number): number;
  /** A tick's text: as many digits as tell ticks apart. */
  text(value: number): string;
}

/** The rectangle that values are drawn in, in the picture's units. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * An axis whose ends are round values around all that are drawn. Values that are not finite do not count; with none
 * it goes from 0 to 1.
 *
 * @param start where its first tick is, `end` where its last is.
 */
export function makeAxis(
  values: Iterable<number>,
  { label, from = Infinity, to = -Infinity }: AxisOptions,
  [start, end]: readonly [start: number, end: number],
): Axis {
  let [low, high] = [from, to];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!Number.isFinite(low)) low = Number.isFinite(high) ? Math.min(high, 0) : 0;
  if (!Number.isFinite(high)) high = Math.max(low, 1);
  const ticks = roundTicks(low, high);
  const [first, last] = [ticks[0], ticks[ticks.length - 1]];
  const gap = ticks[1] - first;
  const digits = Math.min(Math.max(0, -Math.floor(Math.log10(gap) + 1e-9)), 20);
  const large = Math.max(Math.abs(first), Math.abs(last));
  return {
    label,
    ticks,
    place: (value) => start + ((value - first) / (last - first)) * (end - start),
    text: (value) =>
      large >= 1e6 || large < 1e-4
        ? value.toExponential(1)
        : value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  };
}

/** Round values at equal steps of 1, 2 or 5 times a power of ten, the least below `low`, the last above `high`. */
function roundTicks(low: number, high: number): number[] {
  // Where all values are one, and where they differ by less than numbers can tell, some room around them.
  const room = Math.max(Math.abs(low), Math.abs(high), 1e-12) * 1e-9;
  const span = high - low > room ? high - low : Math.max(Math.abs(high) * 0.2, 1e-12);
  const [from, to] = high - low > room ? [low, high] : [low - span / 2, high + span / 2];
  const raw = span / 6;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw * (1 - 1e-9)) ?? 10);
  const first = Math.floor(from / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(to / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

/** Grid lines, ticks with their values, and the label under them. */
export function drawAcross(axis: Axis, { left, right, top, bottom }: Frame): Markup {
  const ticks = axis.ticks.map((tick) => {
    const x = rounded(axis.place(tick));
    // At the picture's edge there is no room for half of a long number.
    const anchor = x > right - 20 ? "end" : "middle";
    return markup`<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/><text class="tick" x="${x}" y="${bottom + 17}" text-anchor="${anchor}">${axis.text(tick)}</text>`;
  });
  const label = markup`<text x="${(left + right) / 2}" y="${bottom + 36}" text-anchor="middle">${axis.label}</text>`;
  return markup`${ticks}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${label}`;
}

/** The same for an axis that goes up, its label above it. */
export function drawUp(axis: Axis, { left, right, top, bottom }: Frame): Markup {
  const ticks = axis.ticks.map((tick) => {
    const y = rounded(axis.place(tick));
    return markup`<line class="grid" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/><text class="tick" x="${left - 8}" y="${y + 4}" text-anchor="end">${axis.text(tick)}</text>`;
  });
  const label = markup`<text x="4" y="${top - 12}">${axis.label}</text>`;
  return markup`${ticks}<line class="axis" x1="${left}" x2="${left}" y1="${top}" y2="${bottom}"/>${label}`;
}

/** A picture with a title under it, which is also its name for those who cannot see it, and what it shows in words. */
export function plotFigure(
  { title, words }: { readonly title: string; readonly words: string },
  [width, height]: readonly [width: number, height: number],
  content: readonly Markup[],
): Markup {
  return markup`<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}. ${words}">${content}</svg><figcaption>${title}</figcaption></figure>`;
}

/** A coordinate with two digits behind the point: more would make the file larger and nothing sharper. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** A number in words of the page: four digits that count. */
export function inWords(value: number): string {
  return Number(value.toPrecision(4)).toString();
}
