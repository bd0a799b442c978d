import { bodyPatch, cutToBody } from "../background.js";
import { drawCurve, drawCurves } from "../curves.js";
import { smoothField } from "../fields.js";
import { addNoise, applyBias, applyVignette, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import { roundOutline } from "../shape.js";
import { drawStyle, near, towards } from "../styles.js";
import { cutToRegion, opticalField } from "./optics.js";

const SKINS = [
  [0.85, 0.68, 0.6],
  [0.78, 0.58, 0.48],
  [0.9, 0.75, 0.7],
  [0.55, 0.38, 0.28],
  [0.7, 0.6, 0.65],
];
const PIGMENTS = [
  [0.3, 0.18, 0.12],
  [0.45, 0.25, 0.18],
  [0.7, 0.25, 0.25],
  [0.2, 0.2, 0.28],
  [0.95, 0.9, 0.88],
];

/** Skin with pores, hairs and one or two pigmented spots. */
export const DERMOSCOPY: Look = {
  name: "dermoscopy",
  channels: 3,
  weight: 7,
  background(scene) {
    const { random, size } = scene;
    scene.fill(near(random, random.pick(SKINS), 0.05));
    scene.addTexture(smoothField(random, size, 3), random.uniform(0.01, 0.06));
    scene.addTexture(scene.anyTexture(), random.uniform(0.008, 0.035));
    if (random.chance(0.15)) scene.region = opticalField(scene);
  },
  objects: (easy) => ({
    count: [1, 2],
    sizes: [45, 290],
    alike: 0,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.12, 0.5],
          brighter: 0.1,
          softness: [2, 8],
          grain: [0.03, 0.14],
          rim: 0.3,
          core: 0.3,
          halo: 0.3,
        },
        easy,
      ),
    tone: ({ random }, under, contrast) => towards(under, random.pick(PIGMENTS), contrast),
  }),
  finish(scene, easy) {
    const { random } = scene;
    drawCurves(scene, random.chance(0.5) ? random.integer(2, 20) : 0, {
      length: scene.px(150),
      radius: scene.px(random.uniform(0.4, 1)),
      curl: 0.004,
      tone: near(random, [0.2, 0.13, 0.1], 0.05),
      opacity: 0.6,
    });
    blurAll(scene, random.uniform(0.4, 1.1));
    applyVignette(scene, random.uniform(0, 0.5));
    addNoise(scene, easy ? 0.005 : random.logUniform(0.004, 0.025), 0.4, true);
    cutToRegion(scene, random.uniform(0, 0.05));
  },
};

const GROUNDS = [
  [0.75, 0.36, 0.14],
  [0.65, 0.25, 0.1],
  [0.8, 0.45, 0.25],
];

/** The back of an eye: an orange disc on black, vessels from one place. */
export const FUNDUS: Look = {
  name: "fundus",
  channels: 3,
  weight: 4,
  background(scene) {
    const { random, size } = scene;
    const ground = near(random, random.pick(GROUNDS), 0.05);
    scene.fill(ground);
    scene.addTexture(smoothField(random, size, 3), 0.08);
    scene.addTexture(scene.anyTexture(), random.uniform(0.01, 0.04));
    const [x, y] = [size * random.uniform(0.25, 0.75), size * random.uniform(0.4, 0.6)];
    const vessels = random.integer(6, 11);
    for (let n = 0; n < vessels; n++)
      drawCurve(scene, {
        x,
        y,
        angle: (2 * Math.PI * (n + 0.5 * random.next())) / vessels,
        length: scene.px(170),
        radius: scene.px(random.uniform(1, 2.6)),
        curl: 0.012,
        tone: ground.map((value) => 0.5 * value),
        opacity: 0.4,
        branching: 0.02,
      });
    if (random.chance(0.8)) cutToBody(scene, bodyPatch(scene, 1.01, 0), [0.01, 0.01, 0.01], 4);
  },
  objects: (easy) => ({
    count: [1, 5],
    sizes: [13, 100],
    alike: 0.3,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.15, 0.5],
          brighter: 0.6,
          softness: [1.5, 5],
          grain: [0.01, 0.06],
          rim: 0.15,
          core: 0.25,
          halo: 0.2,
          outline: (stream) => roundOutline(stream, 1.4),
        },
        easy,
      ),
    tone: (_scene, under, contrast) =>
      towards(under, contrast > 0 ? [1, 0.9, 0.6] : [0.35, 0.05, 0.03], contrast),
  }),
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.5, 1.2));
    applyBias(scene, random.uniform(0.03, 0.15));
    addNoise(scene, easy ? 0.005 : random.logUniform(0.004, 0.02), 0.4, true);
  },
};
