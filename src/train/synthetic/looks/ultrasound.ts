import { paintLayers, paintRegions } from "../background.js";
import { drawCurve } from "../curves.js";
import { smoothField } from "../fields.js";
import { addNoise, applyGamma, applySpeckle, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import type { Style } from "../objects.js";
import type { Scene } from "../scene.js";
import type { Patch } from "../shape.js";
import { drawStyle, greyTone } from "../styles.js";
import { cutToRegion, regionOf } from "./optics.js";

/** Speckle, layers across the beam, fading with depth, shadows and bright zones behind objects; often a fan on black. */
export const ULTRASOUND: Look = {
  name: "ultrasound",
  channels: 1,
  weight: 18,
  background(scene) {
    const { random, size } = scene;
    const count = random.integer(3, 7);
    const edges = Array.from({ length: count - 1 }, () => random.uniform(0.03, 0.95)).sort((a, b) => a - b);
    const base = random.uniform(0.25, 0.5);
    const tones = Array.from({ length: count }, () => scene.tone(base * random.uniform(0.65, 1.4)));
    if (random.chance(0.55))
      paintLayers(scene, tones, edges, 0.2 * random.normal(), random.uniform(0.005, 0.05));
    else paintRegions(scene, tones.slice(0, 3), random.uniform(60, 130), 0.02);
    scene.addTexture(scene.anyTexture(), random.uniform(0.02, 0.06));
    for (let n = random.integer(1, 14); n > 0; n--)
      drawCurve(scene, {
        x: size * random.uniform(-0.2, 0.8),
        y: size * random.next(),
        angle: 0.12 * random.normal(),
        length: scene.px(random.uniform(20, 220)),
        radius: scene.px(random.uniform(0.5, 1.8)),
        curl: 0.004,
        tone: scene.tone(random.uniform(0.5, 0.9)),
        opacity: random.uniform(0.1, 0.5),
      });
    blurAll(scene, random.uniform(0.5, 2));
    if (random.chance(0.5)) scene.region = fan(scene);
  },
  objects: (easy) => ({
    count: [1, 4],
    sizes: [22, 340],
    alike: 0.15,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.12, 0.4],
          brighter: 0.2,
          softness: [1.5, 5],
          grain: [0.005, 0.15],
          rim: 0.35,
          core: 0.15,
          halo: 0.1,
        },
        easy,
      ),
    tone: greyTone,
    after: castShadow,
  }),
  finish(scene, easy) {
    const { random, size } = scene;
    const fade = random.uniform(-0.3, 0.9);
    const gain = smoothField(random, size, 4, 2);
    for (let y = 0, i = 0; y < size; y++)
      for (let x = 0; x < size; x++, i++) gain[i] = (1 + 0.12 * gain[i]) * Math.exp(-fade * (y / size - 0.4));
    scene.multiply(gain);
    const grain = scene.px(random.uniform(0.7, 1.6));
    const strength = easy ? 0.25 : random.uniform(0.25, 0.75);
    applySpeckle(scene, strength, grain * random.uniform(1, 2), grain);
    applyGamma(scene, random.uniform(0.75, 1.2));
    cutToRegion(scene, 0);
    addNoise(scene, 0.01, 0);
  },
};

/** Darker or brighter columns behind an object, as far as the picture goes. */
function castShadow({ random, size, planes }: Scene, patch: Patch, style: Style): void {
  if (random.chance(0.4)) return;
  const { x0, y0, width, height, depth } = patch;
  const factor = style.contrast > 0 ? random.uniform(0.35, 0.8) : random.uniform(0.9, 1.4);
  for (let x = 0; x < width; x++) {
    let bottom = height - 1;
    while (bottom >= 0 && depth[bottom * width + x] <= 0) bottom--;
    if (bottom < 0) continue;
    const edge = Math.min(1, (4 * Math.min(x, width - 1 - x)) / width);
    for (let y = y0 + bottom + 1; y < size; y++) {
      const fading = Math.exp((-1.5 * (y - y0 - bottom)) / size);
      for (const plane of planes) plane[y * size + x0 + x] *= 1 + (factor - 1) * edge * fading;
    }
  }
}

/** The sector that a curved probe sees. */
function fan({ random, size }: Scene): Uint8Array {
  const apex = -size * random.uniform(0.05, 0.7);
  const slope = Math.tan(random.uniform(0.45, 0.75));
  const near = size * random.uniform(0.01, 0.05) - apex;
  const far = size * random.uniform(0.96, 1.05) - apex;
  return regionOf(size, (x, y) => {
    const dx = x - size / 2;
    const dy = y - apex;
    const r2 = dx * dx + dy * dy;
    return r2 > near * near && r2 < far * far && Math.abs(dx) < dy * slope;
  });
}
