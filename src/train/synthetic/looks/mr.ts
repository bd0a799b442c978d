import { bodyPatch, cutToBody, paintRegions, paintShells, paintStructures } from "../background.js";
import { drawCurves } from "../curves.js";
import { smoothField } from "../fields.js";
import { addRicianNoise, applyBias, applyGamma, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import type { Scene } from "../scene.js";
import type { Patch } from "../shape.js";
import { drawStyle, greyTone } from "../styles.js";

/** Soft tissue in any order of greys, uneven light, Rician noise: a head, a knee, a pelvis. */
export const MR: Look = {
  name: "mr",
  channels: 1,
  weight: 17,
  background(scene) {
    const { random } = scene;
    const count = random.integer(2, 5);
    const tones = Array.from({ length: count }, () => scene.tone(random.uniform(0.15, 0.8)));
    paintRegions(scene, tones, random.logUniform(30, 120), random.logUniform(0.008, 0.04));
    if (random.chance(0.15)) return;
    const body = bodyPatch(scene, 1.4);
    const skin = scene.px(random.uniform(2, 7));
    const bone = skin + scene.px(random.uniform(2, 8));
    const fluid = bone + scene.px(random.uniform(0, 4));
    if (random.chance(0.45)) paintFolds(scene, body, fluid);
    paintShells(scene, body, [
      { to: skin, tone: scene.tone(random.uniform(0.4, 0.95)) },
      { to: bone, tone: scene.tone(random.uniform(0.02, 0.15)) },
      { to: fluid, tone: scene.tone(random.uniform(0.1, 0.9)) },
    ]);
    cutToBody(scene, body, scene.tone(0.01), fluid);
    paintStructures(scene, {
      count: random.integer(0, 5),
      sizes: [15, 90],
      tone: () => scene.tone(random.uniform(0.1, 0.85)),
      softness: random.uniform(1.5, 5),
    });
    drawCurves(scene, random.integer(0, 6), {
      length: scene.px(60),
      radius: scene.px(random.uniform(0.5, 1.6)),
      curl: 0.04,
      tone: scene.tone(random.next()),
      opacity: 0.5,
    });
  },
  objects: (easy) => ({
    count: [1, 7],
    sizes: [12, 320],
    alike: 0.2,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.07, 0.5],
          brighter: 0.6,
          softness: [1, 4],
          grain: [0.005, 0.08],
          rim: 0.25,
          core: 0.2,
          halo: 0.2,
        },
        easy,
      ),
    tone: greyTone,
  }),
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.4, 1.3));
    applyBias(scene, random.uniform(0, easy ? 0.1 : 0.25));
    addRicianNoise(scene, easy ? 0.01 : random.logUniform(0.008, 0.055));
    applyGamma(scene, random.uniform(0.75, 1.3));
  },
};

/** A folded rim around a plainer middle: grey and white matter, with fluid in the furrows. */
function paintFolds(scene: Scene, { x0, y0, width, height, depth }: Patch, from: number): void {
  const { random, size, planes } = scene;
  const folds = smoothField(random, size, random.integer(10, 18));
  const [fluid, grey, white] = [
    random.uniform(0.05, 0.9),
    random.uniform(0.3, 0.6),
    random.uniform(0.5, 0.85),
  ];
  const reach = scene.px(random.uniform(14, 36));
  const thickness = scene.px(random.uniform(4, 8));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = (y0 + y) * size + x0 + x;
      const d = depth[y * width + x];
      // Furrows where the noise passes zero, less deep further in.
      const inner = d - from - reach * (1 - 2.5 * Math.abs(folds[i]));
      if (d <= 0) continue;
      const tone = inner < 0 && Math.abs(folds[i]) < 0.18 ? fluid : inner < thickness ? grey : white;
      for (const plane of planes) plane[i] = tone;
    }
  scene.addTexture(scene.anyTexture(), 0.015);
}
