import { drawCurves } from "../curves.js";
import { smoothField } from "../fields.js";
import { addNoise, applyBias, applyVignette, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import { flat, type Scene } from "../scene.js";
import { rasterise, roundOutline, type Patch } from "../shape.js";
import { drawStyle, near, towards } from "../styles.js";
import { cutToRegion, opticalField } from "./optics.js";

const MUCOSA = [
  [0.75, 0.4, 0.3],
  [0.8, 0.5, 0.4],
  [0.65, 0.3, 0.25],
  [0.8, 0.55, 0.35],
];
const GROWTHS = [
  [0.9, 0.6, 0.5],
  [0.6, 0.15, 0.15],
  [0.95, 0.85, 0.7],
  [0.45, 0.2, 0.2],
  [0.55, 0.6, 0.65],
];

/** Wet mucosa: folds in side light, vessels, glare; dark corners. Objects bulge in nearly the same colour. */
export const ENDOSCOPY: Look = {
  name: "endoscopy",
  channels: 3,
  weight: 10,
  background(scene) {
    const { random, size } = scene;
    const mucosa = near(random, random.pick(MUCOSA), 0.06);
    scene.fill(mucosa);
    const folds = smoothField(random, size, random.integer(2, 5), random.integer(2, 5));
    for (let i = 0; i < folds.length; i++) folds[i] = 0.6 - Math.abs(folds[i]);
    scene.addTexture(folds, random.uniform(0.05, 0.25));
    scene.addTexture(scene.anyTexture(), random.uniform(0.01, 0.035));
    if (random.chance(0.5)) {
      const margin = scene.px(20);
      const place = {
        x: size * random.next(),
        y: size * random.next(),
        length: size * random.uniform(0.25, 0.6),
        angle: random.uniform(0, Math.PI),
        margin,
      };
      const lumen = rasterise(roundOutline(random, 1.6), place, size, scene.warp);
      scene.paint(lumen, {
        ...flat(
          scene,
          mucosa.map((value) => 0.15 * value),
        ),
        softness: 2 * margin,
      });
    }
    drawCurves(scene, random.integer(0, 8), {
      length: scene.px(90),
      radius: scene.px(random.uniform(0.4, 1.2)),
      curl: 0.05,
      tone: [0.55 * mucosa[0], 0.35 * mucosa[1], 0.4 * mucosa[2]],
      opacity: 0.3,
      branching: 0.01,
    });
    if (random.chance(0.4)) scene.region = opticalField(scene);
  },
  objects: (easy) => ({
    count: [1, 3],
    sizes: [30, 330],
    alike: 0.3,
    style: (random) => {
      const style = drawStyle(
        random,
        {
          contrast: [0.07, 0.4],
          brighter: 0.5,
          softness: [1.5, 6],
          grain: [0.01, 0.06],
          rim: 0.3,
          core: 0.1,
          halo: 0.15,
          relief: 0.7,
          limb: 0.5,
        },
        easy,
      );
      const light = random.uniform(0.1, 0.35);
      const from = random.uniform(0, 2 * Math.PI);
      return { ...style, shade: [light * Math.cos(from), light * Math.sin(from)] };
    },
    // Of another colour, or of the mucosa's own and only lighter or darker.
    tone: ({ random }, under, contrast) =>
      random.chance(0.6)
        ? towards(under, random.pick(GROWTHS), contrast)
        : under.map((value) => Math.min(value * (1 + contrast), 1)),
    after: (scene, patch) => {
      if (scene.random.chance(0.6)) paintGlare(scene, scene.random.integer(1, 6), patch);
    },
  }),
  finish(scene, easy) {
    const { random, size } = scene;
    paintGlare(scene, random.integer(0, 10), { x0: 0, y0: 0, width: size, height: size });
    blurAll(scene, random.uniform(0.5, 1.2));
    if (random.chance(0.7)) applyBias(scene, random.uniform(0.05, 0.3));
    applyVignette(scene, random.uniform(0.1, 0.8));
    addNoise(scene, easy ? 0.005 : random.logUniform(0.004, 0.03), 0.5, true);
    cutToRegion(scene, random.uniform(0, 0.05));
  },
};

/** White spots of reflected light, inside a rectangle. */
function paintGlare(scene: Scene, count: number, { x0, y0, width, height }: Omit<Patch, "depth">): void {
  const { random, size } = scene;
  for (let n = 0; n < count; n++) {
    const place = {
      x: x0 + width * random.uniform(0.2, 0.8),
      y: y0 + height * random.uniform(0.2, 0.8),
      length: scene.px(random.logUniform(2, 18)),
      angle: random.uniform(0, Math.PI),
    };
    const spot = rasterise({ ...roundOutline(random, 3), roughness: 0.1 }, place, size, scene.warp);
    scene.paint(spot, flat(scene, [0.98, 0.97, 0.95]));
  }
}
