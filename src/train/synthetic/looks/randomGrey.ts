import { paintCells, paintLayers, paintRegions, paintStructures } from "../background.js";
import { addNoise, applyBias, applyGamma, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import { drawStyle, greyTone } from "../styles.js";

/** Anything: regions, layers or cells of any greys. */
export const RANDOM_GREY: Look = {
  name: "random",
  channels: 1,
  weight: 8,
  background(scene) {
    const { random } = scene;
    const kind = random.next();
    const tones = Array.from({ length: random.integer(2, 5) }, () => scene.tone(random.uniform(0.05, 0.95)));
    if (kind < 0.4) paintRegions(scene, tones, random.logUniform(30, 130), random.logUniform(0.01, 0.06));
    else if (kind < 0.65) {
      const edges = tones.slice(1).map(() => random.next());
      edges.sort((a, b) => a - b);
      paintLayers(scene, tones, edges, 0.6 * random.normal(), random.uniform(0.01, 0.15));
    } else if (kind < 0.8)
      paintCells(scene, tones[0], tones[1], {
        cell: scene.px(random.logUniform(20, 90)),
        borderWidth: random.uniform(1, 3),
        spread: 0.1,
      });
    else scene.fill(tones[0]);
    scene.addTexture(scene.anyTexture(), random.logUniform(0.005, 0.08));
    paintStructures(scene, {
      count: random.integer(0, 4),
      sizes: [8, 70],
      tone: () => scene.tone(random.next()),
    });
  },
  objects: (easy) => ({
    count: [1, 8],
    sizes: [12, 340],
    alike: 0.3,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.08, 0.6],
          brighter: 0.5,
          softness: [1, 5],
          grain: [0.003, 0.12],
          rim: 0.3,
          core: 0.2,
          halo: 0.15,
        },
        easy,
      ),
    tone: greyTone,
  }),
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.4, 2));
    if (random.chance(0.4)) applyBias(scene, random.uniform(0.05, 0.25));
    addNoise(scene, easy ? 0.01 : random.logUniform(0.005, 0.08), random.uniform(0, 1));
    applyGamma(scene, random.uniform(0.6, 1.6));
  },
};
