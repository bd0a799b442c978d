import { paintLayers } from "../background.js";
import { addNoise, applySpeckle, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import { drawStyle, greyTone } from "../styles.js";

/** Thin wavy layers under a dark space, speckled: a retina in optical coherence tomography. */
export const OCT: Look = {
  name: "oct",
  channels: 1,
  weight: 6,
  background(scene) {
    const { random } = scene;
    const count = random.integer(5, 9);
    const top = random.uniform(0.15, 0.4);
    const edges = Array.from({ length: count }, () => random.uniform(0, 0.35)).sort((a, b) => a - b);
    const layers = edges.map((_, n) => (n % 2 === 0 ? random.uniform(0.5, 0.8) : random.uniform(0.2, 0.45)));
    const tones = [random.uniform(0.03, 0.1), ...layers, random.uniform(0.1, 0.3)];
    paintLayers(
      scene,
      tones.map((grey) => scene.tone(grey)),
      edges.map((edge) => top + edge),
      0.15 * random.normal(),
      random.uniform(0.01, 0.06),
    );
  },
  objects: (easy) => ({
    count: [1, 5],
    sizes: [12, 200],
    alike: 0.5,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.15, 0.5],
          brighter: 0.25,
          softness: [1, 3],
          grain: [0.003, 0.02],
          rim: 0.15,
          core: 0.05,
          halo: 0,
        },
        easy,
      ),
    tone: greyTone,
  }),
  finish(scene, easy) {
    const { random } = scene;
    const grain = random.uniform(0.6, 1.2);
    applySpeckle(scene, easy ? 0.25 : random.uniform(0.3, 0.7), grain, 0.8 * grain);
    addNoise(scene, 0.02, 0);
    blurAll(scene, random.uniform(0.3, 0.8));
  },
};
