import type { Random } from "../random.js";

/** A shape's pixels inside a rectangle of the picture. */
export interface Patch {
  readonly x0: number;
  readonly y0: number;
  readonly width: number;
  readonly height: number;
  /** About the distance to the outline in pixels, above 0 inside. */
  readonly depth: Float32Array;
}

/** An outline around (0, 0), before it is put somewhere: a closed curve, bent and waved. */
export interface Outline {
  /** Distance of the curve from its middle by direction, about 1; equal steps of a full turn. */
  readonly radii: Float32Array;
  /** Length by width; at least 1. */
  readonly aspect: number;
  /** Sag of the long axis, as a share of its length: beans and crescents. */
  readonly bend: number;
  /** Waves of the long axis, as a share of its length, and how many: tubes. */
  readonly waves: number;
  readonly waveCount: number;
  /** Small-scale unevenness of the outline, as a share of the width. */
  readonly roughness: number;
  /** A ring's inner outline, as a share of the outer one; 0 for a filled shape. */
  readonly hole: number;
}

export interface Placement {
  readonly x: number;
  readonly y: number;
  /** About the longer side of the box around it, in pixels. */
  readonly length: number;
  /** Of the long axis, in radians. */
  readonly angle: number;
  /** Pixels around the outline that are wanted too, for soft edges. Default 2. */
  readonly margin?: number;
}

/** Smooth noise of a picture's size, for uneven outlines: few bumps for large shapes, many for small ones. */
export interface Warp {
  readonly coarse: Float32Array;
  readonly fine: Float32Array;
}

const NONE = new Float32Array(0);
/** A power of two. */
const DIRECTIONS = 512;

/** A random outline of one of the families. */
export function randomOutline(random: Random, hole = 0): Outline {
  const family = random.next();
  const plain = { bend: 0, waves: 0, waveCount: 0, roughness: 0, hole };
  const rough = random.chance(0.5) ? random.uniform(0.02, 0.13) : 0;
  if (family < 0.32) return { ...plain, radii: circle(), aspect: random.uniform(1, 1.9), roughness: rough };
  if (family < 0.7)
    return { ...plain, radii: harmonics(random), aspect: random.uniform(1, 1.7), roughness: rough };
  if (family < 0.76)
    return { ...plain, radii: polygon(random), aspect: random.uniform(1, 1.6), roughness: rough };
  if (family < 0.82)
    return { ...plain, radii: lobes(random), aspect: random.uniform(1, 1.5), roughness: rough };
  if (family < 0.92) {
    const bend = random.sign() * random.uniform(0.1, 0.4);
    return { ...plain, radii: superellipse(2.3), aspect: random.uniform(1.4, 2.4), bend, roughness: rough };
  }
  return {
    ...plain,
    radii: superellipse(4),
    aspect: random.uniform(2.5, 6),
    bend: random.sign() * random.uniform(0, 0.35),
    waves: random.uniform(0, 0.08),
    waveCount: random.uniform(0.7, 1.6),
    roughness: rough / 2,
  };
}

/** A smooth, round outline: cells, discs, heads. */
export function roundOutline(random: Random, mostAspect: number): Outline {
  const radii = random.chance(0.6) ? circle() : harmonics(random, 0.08);
  return {
    radii,
    aspect: random.uniform(1, mostAspect),
    bend: 0,
    waves: 0,
    waveCount: 0,
    roughness: 0,
    hole: 0,
  };
}

function radiiOf(radius: (angle: number) => number): Float32Array {
  return Float32Array.from({ length: DIRECTIONS }, (_, n) => radius((2 * Math.PI * n) / DIRECTIONS));
}

function circle(): Float32Array {
  return new Float32Array(DIRECTIONS).fill(1);
}

function superellipse(power: number): Float32Array {
  return radiiOf((a) => (Math.abs(Math.cos(a)) ** power + Math.abs(Math.sin(a)) ** power) ** (-1 / power));
}

/** Star-shaped: a circle with a few waves of random height and phase. */
function harmonics(random: Random, most = 0.28): Float32Array {
  const amplitude = random.uniform(0.3, 1) * most;
  const waves = Array.from({ length: 6 }, (_, n) => ({
    order: n + 2,
    height: (amplitude * random.normal()) / (n + 1) ** 0.7,
    phase: random.uniform(0, 2 * Math.PI),
  }));
  return radiiOf((angle) =>
    Math.max(
      0.3,
      waves.reduce((sum, { order, height, phase }) => sum + height * Math.cos(order * angle + phase), 1),
    ),
  );
}

/** Round bulges side by side. */
function lobes(random: Random): Float32Array {
  const count = random.integer(3, 7);
  const depth = random.uniform(0.06, 0.2);
  const phase = random.uniform(0, Math.PI);
  return radiiOf((angle) => 1 - depth + depth * Math.abs(Math.sin((count * angle) / 2 + phase)));
}

/** Straight sides between random corners, which are rounded a little. */
function polygon(random: Random): Float32Array {
  const count = random.integer(4, 8);
  const corners = Array.from({ length: count }, (_, n) => {
    const angle = (2 * Math.PI * (n + random.uniform(-0.3, 0.3))) / count;
    const radius = random.uniform(0.75, 1.25);
    return { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
  });
  const sharp = radiiOf((angle) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    let nearest = Infinity;
    for (let n = 0; n < count; n++) {
      const [p, q] = [corners[n], corners[(n + 1) % count]];
      const [ex, ey] = [q.x - p.x, q.y - p.y];
      const cross = c * ey - s * ex;
      const along = (p.x * ey - p.y * ex) / cross;
      const share = (p.x * s - p.y * c) / cross;
      if (along > 0 && share >= 0 && share <= 1) nearest = Math.min(nearest, along);
    }
    return Number.isFinite(nearest) ? nearest : 1;
  });
  const reach = random.integer(2, 9);
  return sharp.map((_, n) => {
    let sum = 0;
    for (let d = -reach; d <= reach; d++) sum += sharp[(n + d + DIRECTIONS) % DIRECTIONS];
    return sum / (2 * reach + 1);
  });
}

/**
 * The outline's pixels at a place of a picture of `size` pixels a side.
 *
 * @param warp for the roughness.
 */
export function rasterise(outline: Outline, place: Placement, size: number, warp: Warp): Patch {
  const { radii, aspect, bend, waves, waveCount, roughness, hole } = outline;
  const ax = place.length / 2;
  const ay = ax / aspect;
  const [cos, sin] = [Math.cos(place.angle), Math.sin(place.angle)];
  const far = 1.02 * radii.reduce((most, r) => Math.max(most, r), 0) + 3.7 * roughness;
  const least = radii.reduce((smallest, r) => Math.min(smallest, r), Infinity) - 3.7 * roughness;
  const margin = place.margin ?? 2;
  const reachX = ax * far + margin;
  const reachY = ay * far + Math.abs(bend) * ax * far ** 2 + waves * 2 * ax + margin;
  const uneven = roughness === 0 ? NONE : place.length > 0.3 * size ? warp.coarse : warp.fine;
  const halfWidth = Math.abs(cos) * reachX + Math.abs(sin) * reachY;
  const halfHeight = Math.abs(sin) * reachX + Math.abs(cos) * reachY;
  const clip = (value: number) => Math.min(Math.max(Math.floor(value), 0), size);
  const [x0, y0] = [clip(place.x - halfWidth), clip(place.y - halfHeight)];
  const width = clip(place.x + halfWidth + 1) - x0;
  const height = clip(place.y + halfHeight + 1) - y0;
  const depth = new Float32Array(width * height);
  // Sag and waves in units of the half width, since they move points across the axis.
  const sag = 2 * bend * aspect;
  const swing = 2 * waves * aspect;
  const wave = Math.PI * waveCount;
  const [perX, perY] = [1 / ax, 1 / ay];
  const [ux, uy, vx, vy] = [cos * perX, sin * perX, sin * perY, cos * perY];
  const perTurn = DIRECTIONS / (2 * Math.PI);
  const isRound = radii.every((radius) => radius === radii[0]);
  for (let y = 0, i = 0; y < height; y++) {
    const dy = y0 + y + 0.5 - place.y;
    const warpRow = (y0 + y) * size + x0;
    for (let x = 0; x < width; x++, i++) {
      const dx = x0 + x + 0.5 - place.x;
      const u = dx * ux + dy * uy;
      let v = dy * vy - dx * vx;
      if (sag !== 0) v += sag * (u * u - 0.33);
      if (swing !== 0) v += swing * Math.sin(wave * u);
      const rho = Math.sqrt(u * u + v * v) + 1e-6;
      // Far outside the direction does not matter, as long as it stays outside.
      let radius = least;
      if (rho < far) {
        radius = isRound ? radii[0] : radii[((fastAtan2(v, u) + 2 * Math.PI) * perTurn) & (DIRECTIONS - 1)];
        if (roughness !== 0) radius += roughness * uneven[warpRow + x];
      }
      let level = radius - rho;
      if (hole > 0) level = Math.min(level, rho - hole * radius);
      // From units of the axes to pixels, by the slope of rho.
      const su = u * perX;
      const sv = v * perY;
      depth[i] = (level * rho) / Math.sqrt(su * su + sv * sv + 1e-12);
    }
  }
  return { x0, y0, width, height, depth };
}

/** The angle within 0.004, several times as fast as the exact one. */
function fastAtan2(y: number, x: number): number {
  const ax = Math.abs(x);
  const ay = Math.abs(y);
  const ratio = ax > ay ? ay / ax : ax / (ay + 1e-12);
  let angle = ratio * (Math.PI / 4 + 0.273 * (1 - ratio));
  if (ay > ax) angle = Math.PI / 2 - angle;
  if (x < 0) angle = Math.PI - angle;
  return y < 0 ? -angle : angle;
}
