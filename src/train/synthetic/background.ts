import { smoothField } from "./fields.js";
import { flat, type Scene, type Tone } from "./scene.js";
import type { Random } from "../random.js";
import { randomOutline, rasterise, roundOutline, type Outline, type Patch } from "./shape.js";

/** Regions of unlike tones with winding borders, one where its smooth field is the largest. */
export function paintRegions(scene: Scene, tones: readonly Tone[], scale: number, grain: number): void {
  const { random, size, planes } = scene;
  const cells = Math.max(2, Math.round(size / scale));
  const best = new Float32Array(size * size).fill(-Infinity);
  for (const tone of tones) {
    const field = smoothField(random, size, cells);
    const bias = random.uniform(-0.4, 0.4);
    for (let i = 0; i < field.length; i++) {
      const value = field[i] + bias;
      if (value <= best[i]) continue;
      best[i] = value;
      for (let channel = 0; channel < planes.length; channel++) planes[channel][i] = tone[channel];
    }
  }
  scene.addTexture(scene.anyTexture(), grain);
}

/** Layers one below the other, wavy and tilted. `edges` are their lower ends, shares of the height. */
export function paintLayers(
  scene: Scene,
  tones: readonly Tone[],
  edges: readonly number[],
  tilt: number,
  waviness: number,
): void {
  const { random, size, planes } = scene;
  const wave = smoothField(random, size, random.integer(2, 5), 2);
  // Layers keep their thickness where the wave is the same for all, nearly.
  const drift = smoothField(random, size, random.integer(3, 8), 6);
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const at = y / size + tilt * (x / size - 0.5) + waviness * wave[i] + 0.15 * waviness * drift[i];
      let layer = 0;
      while (layer < edges.length && at > edges[layer]) layer++;
      const tone = tones[layer % tones.length];
      for (let channel = 0; channel < planes.length; channel++) planes[channel][i] = tone[channel];
    }
}

/** Cells side by side, each in a tone near `tone`, with borders in another. */
export function paintCells(
  scene: Scene,
  tone: Tone,
  border: Tone,
  options: { readonly cell: number; readonly borderWidth: number; readonly spread: number },
): void {
  const { random, size, planes } = scene;
  const count = Math.max(2, Math.round(size / options.cell));
  const pitch = size / count;
  const across = count + 2;
  const seeds = Array.from({ length: across * across }, (_, n) => ({
    x: ((n % across) - 1 + random.next()) * pitch,
    y: (Math.floor(n / across) - 1 + random.next()) * pitch,
    light: options.spread * random.normal(),
  }));
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const [column, row] = [Math.floor(x / pitch), Math.floor(y / pitch)];
      let [first, second, light] = [Infinity, Infinity, 0];
      for (let dy = 0; dy < 3; dy++)
        for (let dx = 0; dx < 3; dx++) {
          const seed = seeds[(row + dy) * across + column + dx];
          const distance = (seed.x - x) ** 2 + (seed.y - y) ** 2;
          if (distance < first) {
            second = first;
            first = distance;
            light = seed.light;
          } else if (distance < second) second = distance;
        }
      const toBorder = (Math.sqrt(second) - Math.sqrt(first)) / 2;
      const share = Math.min(1, Math.max(0, 1.5 - toBorder / options.borderWidth));
      for (let channel = 0; channel < planes.length; channel++) {
        const inside = tone[channel] + light;
        planes[channel][i] = inside + share * (border[channel] - inside);
      }
    }
}

/** The outline of a body in the picture, which it nearly fills. */
export function bodyPatch(scene: Scene, aspect: number, roughness = 0.025): Patch {
  const { random, size } = scene;
  const outline = { ...roundOutline(random, aspect), roughness: random.uniform(0, roughness) };
  const place = {
    x: size * random.uniform(0.46, 0.54),
    y: size * random.uniform(0.46, 0.54),
    length: size * random.uniform(0.86, 1.08),
    angle: random.normal() * 0.12 + (random.chance(0.25) ? Math.PI / 2 : 0),
  };
  return rasterise(outline, place, size, scene.warp);
}

/** Keeps what is painted inside the patch, paints the rest in `tone`, and lets objects lie `margin` deep inside. */
export function cutToBody(scene: Scene, patch: Patch, tone: Tone, margin: number): void {
  const { size, planes } = scene;
  const region = new Uint8Array(size * size);
  const { x0, y0, width, height, depth } = patch;
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const inside = x >= x0 && x < x0 + width && y >= y0 && y < y0 + height;
      const d = inside ? depth[(y - y0) * width + x - x0] : -10;
      if (d > margin) region[i] = 1;
      const outside = 0.5 - d;
      if (outside <= 0) continue;
      const share = Math.min(1, outside);
      for (let channel = 0; channel < planes.length; channel++)
        planes[channel][i] += share * (tone[channel] - planes[channel][i]);
    }
  scene.region = region;
}

/** Paints shells inside a patch's outline, from outside in: skin, fat, bone. */
export function paintShells(
  scene: Scene,
  patch: Patch,
  shells: readonly { readonly to: number; readonly tone: Tone }[],
): void {
  const { size, planes } = scene;
  const { x0, y0, width, height, depth } = patch;
  const thickness = smoothField(scene.random, size, 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = (y0 + y) * size + x0 + x;
      const d = depth[y * width + x] * (1 - 0.25 * thickness[i]);
      if (d <= 0) continue;
      const shell = shells.find(({ to }) => d < to);
      if (shell === undefined) continue;
      for (let channel = 0; channel < planes.length; channel++) planes[channel][i] = shell.tone[channel];
    }
}

export interface Structures {
  readonly count: number;
  /** Lengths, in pixels of a picture of 256. */
  readonly sizes: readonly [number, number];
  readonly tone: (under: Tone) => Tone;
  readonly outline?: (random: Random) => Outline;
  readonly softness?: number;
  readonly grain?: number;
}

/** Shapes that are no objects, inside the region: organs, bones, gas. Not all that has an outline is looked for. */
export function paintStructures(scene: Scene, structures: Structures): void {
  const { random, size, region } = scene;
  const { count, sizes, tone, outline = randomOutline, softness = 2, grain = 0.01 } = structures;
  for (let n = 0; n < count; n++) {
    const place = {
      x: size * random.next(),
      y: size * random.next(),
      length: scene.px(random.logUniform(...sizes)),
      angle: random.uniform(0, Math.PI),
    };
    if (region !== undefined && region[Math.floor(place.y) * size + Math.floor(place.x)] === 0) continue;
    paintStructure(scene, rasterise(outline(random), place, size, scene.warp), tone, softness, grain);
  }
}

/** One such shape, cut to the region. */
export function paintStructure(
  scene: Scene,
  patch: Patch,
  tone: (under: Tone) => Tone,
  softness = 2,
  grain = 0.01,
): void {
  const { size, region } = scene;
  if (region !== undefined) {
    const { x0, y0, width, depth } = patch;
    for (let n = 0; n < depth.length; n++)
      if (region[(y0 + Math.floor(n / width)) * size + x0 + (n % width)] === 0) depth[n] = -softness;
  }
  scene.paint(patch, { ...flat(scene, tone(scene.meanUnder(patch)), grain), softness });
}
