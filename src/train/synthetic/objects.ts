import { connectedComponents } from "../../image/components.js";
import type { Mask } from "../../image/mask.js";
import type { Random } from "../random.js";
import type { Fading, Fill, Scene, Tone } from "./scene.js";
import { rasterise, type Outline, type Patch, type Warp } from "./shape.js";

/** How the objects of a picture look, one, or several alike. */
export interface Style {
  readonly outline: Outline;
  /** Difference to what is around, in shares of black to white. */
  readonly contrast: number;
  readonly softness: number;
  readonly grain: number;
  readonly opacity: number;
  readonly shade: readonly [x: number, y: number];
  readonly rim?: { readonly width: number; readonly change: number };
  readonly core?: { readonly from: number; readonly change: number };
  readonly lens?: boolean;
  /** Parts of another brightness that belong to the object. */
  readonly mottle?: Mottle;
  /** Share of what is uneven below that shows through; 0 for nothing. */
  readonly relief: number;
  /** How much darker it is at the outline; 0 for not. */
  readonly limb: number;
  readonly fading?: Fading;
  /** Width of a weaker zone around the object, as swelling; 0 for none. */
  readonly halo: number;
}

/** Brighter and darker parts of an object, few and large ones or many; the sharper, the clearer their own edges. */
export interface Mottle {
  readonly bumps: keyof Warp;
  readonly change: number;
  readonly sharpness: number;
}

/** What a kind of picture asks of its objects. */
export interface ObjectPlan {
  readonly count: readonly [least: number, most: number];
  /** Their lengths, in pixels of a picture of 256. */
  readonly sizes: readonly [least: number, most: number];
  /** Chance that all objects are of one style, and nearly of one size. */
  readonly alike: number;
  readonly style: (random: Random) => Style;
  /** Tone of an object of some contrast on what is below it. */
  readonly tone: (scene: Scene, under: Tone, contrast: number) => Tone;
  /** What the object does to the picture around it. */
  readonly after?: (scene: Scene, patch: Patch, style: Style) => void;
}

interface Placed {
  readonly patch: Patch;
  /** Pixels of the whole picture. */
  readonly inside: Uint8Array;
  area: number;
}

/** Of an object's own pixels: how many may be covered by a later one, and be outside of the region. */
const MOST_COVERED = 0.3;
const MOST_OUTSIDE = 0.15;
/** In pixels of a picture of 256. */
const LEAST_AREA = 40;
/** A depth at which no soft edge is left. */
const FAR_OUTSIDE = 100;
/** Share of the picture that objects cover at most before no more are added. */
const MOST_FILLED = 0.65;

/** Paints objects, and gives their pixels as far as they are seen. A part inside another object belongs to both. */
export function paintObjects(scene: Scene, plan: ObjectPlan): Placed[] {
  const { random, size } = scene;
  const count = random.integer(...plan.count);
  const common = random.chance(plan.alike) ? plan.style(random) : undefined;
  const [least, most] = plan.sizes;
  const commonSize = random.logUniform(least, most);
  // One that is not of the smallest, since many small ones find room and few large ones do.
  const sides = Array.from({ length: count }, (_, n) =>
    common === undefined
      ? random.logUniform(n === 0 ? least ** 0.6 * most ** 0.4 : least, most)
      : commonSize * random.uniform(0.8, 1.25),
  );
  // Large ones first, so that small ones lie in them or on them.
  sides.sort((a, b) => b - a);
  const placed: Placed[] = [];
  let filled = 0;
  for (const side of sides) {
    if (filled > MOST_FILLED * size * size) break;
    const style = common ?? plan.style(random);
    const object = place(scene, style, scene.px(side), placed);
    if (object === undefined) continue;
    paintObject(scene, plan, style, object.patch);
    placed.push(object);
    filled += object.area;
  }
  return placed;
}

function place(scene: Scene, style: Style, side: number, placed: readonly Placed[]): Placed | undefined {
  const { random, size } = scene;
  // What a picture is taken for is mostly all in it.
  const border = random.chance(0.6) ? Math.min(side / 2, 0.45 * size) : 0.02 * size;
  for (let attempt = 0; attempt < 12; attempt++) {
    const [x, y] = [random.uniform(border, size - border), random.uniform(border, size - border)];
    if (!mayLieAt(scene, Math.floor(y) * size + Math.floor(x), side, placed)) continue;
    const angle = random.uniform(0, 2 * Math.PI);
    const at = { x, y, length: side, angle, margin: 4 + style.halo };
    const patch = rasterise(style.outline, at, size, scene.warp);
    const object = visiblePart(scene, patch);
    if (object !== undefined && fits(object, placed, size)) return object;
  }
  return undefined;
}

/** A quick guess from the middle alone: inside the region, and in no object that is hardly larger. */
function mayLieAt({ region }: Scene, middle: number, side: number, placed: readonly Placed[]): boolean {
  if (region !== undefined && region[middle] === 0) return false;
  return placed.every(({ inside, area }) => inside[middle] === 0 || area > 0.6 * side * side);
}

/** The part inside the region; `undefined` when too much is outside, or it is too small. */
function visiblePart({ size, region }: Scene, patch: Patch): Placed | undefined {
  const { x0, y0, width, height, depth } = patch;
  const inside = new Uint8Array(size * size);
  let [area, outside] = [0, 0];
  for (let y = 0, n = 0; y < height; y++)
    for (let x = 0; x < width; x++, n++) {
      if (depth[n] <= 0) continue;
      const i = (y0 + y) * size + x0 + x;
      if (region !== undefined && region[i] === 0) {
        depth[n] = -FAR_OUTSIDE;
        outside++;
      } else {
        inside[i] = 1;
        area++;
      }
    }
  const least = LEAST_AREA * (size / 256) ** 2;
  if (area < least || outside > MOST_OUTSIDE * (area + outside)) return undefined;
  return { patch, inside, area };
}

/** Whether an object may lie here: apart from earlier ones, well inside one, or over a small part of it. */
function fits(object: Placed, placed: readonly Placed[], size: number): boolean {
  const covered = placed.map((earlier) => overlap(object, earlier, size));
  for (const [index, pixels] of covered.entries()) {
    const earlier = placed[index];
    const nested = pixels > 0.97 * object.area;
    if (nested ? object.area > 0.5 * earlier.area : pixels > MOST_COVERED * earlier.area) return false;
    if (!nested && pixels > MOST_COVERED * object.area) return false;
  }
  for (const [index, pixels] of covered.entries())
    if (pixels > 0 && pixels <= 0.97 * object.area) takeAway(placed[index], object, size);
  return true;
}

function overlap(object: Placed, earlier: Placed, size: number): number {
  let count = 0;
  forPixels(object, size, (i) => (count += earlier.inside[i]));
  return count;
}

function takeAway(earlier: Placed, object: Placed, size: number): void {
  forPixels(object, size, (i) => {
    earlier.area -= earlier.inside[i];
    earlier.inside[i] = 0;
  });
}

function forPixels({ patch, inside }: Placed, size: number, each: (i: number) => void): void {
  for (let y = patch.y0; y < patch.y0 + patch.height; y++)
    for (let i = y * size + patch.x0, end = i + patch.width; i < end; i++) if (inside[i] === 1) each(i);
}

function paintObject(scene: Scene, plan: ObjectPlan, style: Style, patch: Patch): void {
  const under = scene.meanUnder(patch);
  const tone = plan.tone(scene, under, style.contrast);
  const fill: Fill = {
    tone,
    opacity: style.opacity,
    softness: style.softness,
    texture: scene.anyTexture(),
    grain: style.grain,
    shade: style.shade,
    rim: style.rim,
    core: style.core,
    lens: style.lens,
    fading: style.fading,
    limb: style.limb,
    relief: { share: style.relief, mean: under },
    ...(style.mottle && { mottle: { ...style.mottle, field: scene.warp[style.mottle.bumps] } }),
  };
  if (style.halo > 0) paintHalo(scene, patch, plan.tone(scene, under, 0.3 * style.contrast), style.halo);
  scene.paint(patch, fill);
  plan.after?.(scene, patch, style);
}

/** A weak zone around the outline, inside the region. */
function paintHalo(scene: Scene, patch: Patch, tone: Tone, width: number): void {
  const { size, region } = scene;
  const isOutside = (n: number) =>
    region?.[(patch.y0 + Math.floor(n / patch.width)) * size + patch.x0 + (n % patch.width)] === 0;
  const depth = patch.depth.map((value, n) => (isOutside(n) ? -FAR_OUTSIDE : value + width));
  const wider = { ...patch, depth };
  const texture = scene.anyTexture();
  scene.paint(wider, { tone, opacity: 0.6, softness: width, texture, grain: 0, shade: [0, 0] });
}

/** The masks of those objects that can be told from what is around them in the finished picture, and are in one piece. */
export function clearMasks(scene: Scene, placed: readonly Placed[], leastContrast: number): Mask[] {
  const { size } = scene;
  return placed
    .filter((object) => object.area >= LEAST_AREA * (size / 256) ** 2)
    .filter((object) => inOnePiece(object, size) && stands(scene, object, leastContrast))
    .map(({ inside }) => ({ width: size, height: size, data: inside }));
}

/** Whether nearly all pixels hang together. */
function inOnePiece({ patch, inside, area }: Placed, size: number): boolean {
  const { x0, y0, width, height } = patch;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (y0 + y) * size + x0;
    data.set(inside.subarray(from, from + width), y * width);
  }
  return Math.max(...connectedComponents({ width, height, data }).sizes) > 0.98 * area;
}

/** Whether the two sides of the outline differ, in some plane, by enough and against their own deviation. */
function stands({ planes, size }: Scene, { patch, inside }: Placed, leastContrast: number): boolean {
  const { x0, y0, width, height, depth } = patch;
  const side = Math.max(width, height);
  const band = Math.min(Math.max(0.12 * side, 2.5), 7);
  return planes.some((plane) => {
    const sums = [0, 0, 0, 0, 0, 0];
    for (let y = 0, n = 0; y < height; y++)
      for (let x = 0; x < width; x++, n++) {
        const d = depth[n];
        if (d > band || d < -band || (d > -0.7 && d < 0.7)) continue;
        const i = (y0 + y) * size + x0 + x;
        const at = d > 0 && inside[i] === 1 ? 0 : 3;
        sums[at]++;
        sums[at + 1] += plane[i];
        sums[at + 2] += plane[i] * plane[i];
      }
    const [n, sum, squares, m, otherSum, otherSquares] = sums;
    if (n === 0 || m === 0) return false;
    const [mean, other] = [sum / n, otherSum / m];
    const variance = (squares / n - mean ** 2 + otherSquares / m - other ** 2) / 2;
    const difference = Math.abs(mean - other);
    return difference > leastContrast && difference > 0.35 * Math.sqrt(Math.max(variance, 0));
  });
}
