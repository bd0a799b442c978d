import type { Scene, Tone } from "./scene.js";

export interface Curve {
  readonly x: number;
  readonly y: number;
  /** Direction at the start, in radians. */
  readonly angle: number;
  readonly length: number;
  /** Radius in pixels at the start; it shrinks to a third. */
  readonly radius: number;
  /** How much the direction changes, in radians a step of one pixel. */
  readonly curl: number;
  readonly tone: Tone;
  readonly opacity: number;
  /** Chance of a branch at each pixel of its way. */
  readonly branching?: number;
}

/** Draws a thin winding curve, inside the region: a vessel, a hair, a fibre. */
export function drawCurve(scene: Scene, curve: Curve): void {
  const { random, size } = scene;
  const { length, radius, curl, branching = 0 } = curve;
  let { x, y, angle } = curve;
  let turn = 0;
  for (let step = 0; step < length; step++) {
    const left = 1 - step / length;
    stamp(scene, x, y, radius * (0.33 + 0.67 * left), curve.tone, curve.opacity);
    turn = 0.9 * turn + curl * random.normal();
    angle += turn;
    x += Math.cos(angle);
    y += Math.sin(angle);
    if (x < -radius || y < -radius || x > size + radius || y > size + radius) return;
    if (radius > 0.5 && random.chance(branching))
      drawCurve(scene, {
        ...curve,
        x,
        y,
        angle: angle + random.sign() * random.uniform(0.3, 0.9),
        length: 0.7 * left * length,
        radius: 0.65 * radius * (0.33 + 0.67 * left),
      });
  }
}

/** A soft disc. */
function stamp(scene: Scene, x: number, y: number, radius: number, tone: Tone, opacity: number): void {
  const { size, planes, region } = scene;
  const reach = radius + 0.5;
  const [left, right] = [Math.max(0, Math.floor(x - reach)), Math.min(size - 1, Math.ceil(x + reach))];
  const [top, bottom] = [Math.max(0, Math.floor(y - reach)), Math.min(size - 1, Math.ceil(y + reach))];
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      const distance = Math.sqrt((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2);
      const share = opacity * Math.min(1, reach - distance, 2 * radius);
      if (share <= 0) continue;
      const i = row * size + column;
      if (region?.[i] === 0) continue;
      for (let channel = 0; channel < planes.length; channel++)
        planes[channel][i] += share * (tone[channel] - planes[channel][i]);
    }
}

/** Several curves with common manners, from anywhere. */
export function drawCurves(scene: Scene, count: number, curve: Omit<Curve, "x" | "y" | "angle">): void {
  const { random, size } = scene;
  for (let n = 0; n < count; n++)
    drawCurve(scene, {
      ...curve,
      x: size * random.next(),
      y: size * random.next(),
      angle: random.uniform(0, 2 * Math.PI),
      length: curve.length * random.uniform(0.5, 1.2),
      radius: curve.radius * random.uniform(0.6, 1.3),
    });
}
