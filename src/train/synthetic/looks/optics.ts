import type { Scene } from "../scene.js";

/** The pixels that a probe or an optic sees. */
export function regionOf(size: number, sees: (x: number, y: number) => boolean): Uint8Array {
  const region = new Uint8Array(size * size);
  for (let y = 0, i = 0; y < size; y++) for (let x = 0; x < size; x++, i++) if (sees(x, y)) region[i] = 1;
  return region;
}

/** The round or eight-sided field of an optic. */
export function opticalField({ random, size }: Scene): Uint8Array {
  const straight = random.chance(0.5);
  const reach = size * random.uniform(0.5, 0.62);
  return regionOf(size, (x, y) => {
    const dx = Math.abs(x - size / 2);
    const dy = Math.abs(y - size / 2);
    return straight ? dx + dy < 1.45 * reach : dx * dx + dy * dy < reach * reach;
  });
}

/** Paints what is outside the region, if there is one, in one grey. */
export function cutToRegion({ region, planes }: Scene, grey: number): void {
  if (region === undefined) return;
  for (const plane of planes) for (let i = 0; i < plane.length; i++) if (region[i] === 0) plane[i] = grey;
}
