import { paintCells, paintRegions } from "../background.js";
import { drawCurves } from "../curves.js";
import { smoothField } from "../fields.js";
import { addNoise, applyGamma, applySpeckle, applyVignette, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import type { Tone } from "../scene.js";
import { roundOutline } from "../shape.js";
import { drawStyle, greyTone, near, towards } from "../styles.js";

/** Cells and fibres in many greys, sharp and textured: electron and phase-contrast microscopy. */
export const ELECTRON: Look = {
  name: "electron",
  channels: 1,
  weight: 7,
  background(scene) {
    const { random } = scene;
    const base = random.uniform(0.4, 0.7);
    if (random.chance(0.5))
      paintCells(scene, scene.tone(base), scene.tone(base + random.sign() * random.uniform(0.15, 0.3)), {
        cell: scene.px(random.logUniform(14, 70)),
        borderWidth: random.uniform(0.8, 2.5),
        spread: random.uniform(0, 0.06),
      });
    else scene.fill(scene.tone(base));
    scene.addTexture(scene.anyTexture(), random.uniform(0.02, 0.08));
    drawCurves(scene, random.integer(0, 10), {
      length: scene.px(80),
      radius: scene.px(random.uniform(0.6, 1.5)),
      curl: 0.05,
      tone: scene.tone(random.uniform(0.1, 0.4)),
      opacity: 0.5,
    });
  },
  objects: (easy) => ({
    count: [2, 9],
    sizes: [16, 200],
    alike: 0.7,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.1, 0.4],
          brighter: 0.35,
          softness: [1, 2.5],
          grain: [0.02, 0.12],
          rim: 0.6,
          core: 0.25,
          halo: 0.15,
        },
        easy,
      ),
    tone: greyTone,
  }),
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.4, 1.3));
    addNoise(scene, easy ? 0.01 : random.logUniform(0.01, 0.07), random.uniform(0, 0.7));
    applyVignette(scene, random.uniform(0, 0.2));
  },
};

const STAINS = [
  [0.88, 0.65, 0.78],
  [0.9, 0.75, 0.82],
  [0.75, 0.55, 0.72],
  [0.85, 0.8, 0.75],
];
const NUCLEI = [
  [0.35, 0.2, 0.5],
  [0.45, 0.25, 0.55],
  [0.3, 0.25, 0.6],
  [0.5, 0.3, 0.2],
];

/** Stained tissue: pink ground, white gaps, many dark nuclei, now and then a gland. */
export const HISTOLOGY: Look = {
  name: "histology",
  channels: 3,
  weight: 8,
  background(scene) {
    const { random } = scene;
    const stain = near(random, random.pick(STAINS), 0.04);
    if (random.chance(0.4))
      paintCells(scene, stain, near(random, [0.96, 0.93, 0.95], 0.02), {
        cell: scene.px(random.logUniform(22, 60)),
        borderWidth: random.uniform(1, 3),
        spread: 0.04,
      });
    else {
      const tones = [stain, near(random, stain, 0.06), near(random, [0.96, 0.94, 0.95], 0.01)];
      paintRegions(scene, tones.slice(0, random.integer(2, 3)), random.uniform(25, 90), 0.03);
    }
    scene.addTexture(scene.anyTexture(), random.uniform(0.02, 0.08));
  },
  objects: (easy, random) => {
    const nuclei = random.chance(0.6);
    const dye = random.pick(NUCLEI);
    return {
      count: nuclei ? [3, 8] : [1, 4],
      sizes: nuclei ? [12, 60] : [40, 260],
      alike: nuclei ? 1 : 0.3,
      style: (stream) => ({
        ...drawStyle(
          stream,
          {
            contrast: [0.2, 0.6],
            brighter: 0.1,
            softness: [1, 2.5],
            grain: [0.02, 0.15],
            rim: 0.4,
            core: 0.1,
            halo: 0,
          },
          easy,
        ),
        ...(nuclei ? { outline: roundOutline(stream, 2) } : {}),
      }),
      tone: (scene, under, contrast) => towards(under, near(scene.random, dye, 0.05), contrast),
    };
  },
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.4, 1.2));
    addNoise(scene, easy ? 0.005 : random.logUniform(0.005, 0.04), 0.4, true);
  },
};

const DARK_DYES = [
  [0.04, 0.09, 0.05],
  [0.03, 0.04, 0.11],
  [0.1, 0.03, 0.03],
  [0.07, 0.07, 0.07],
];
const DYES: readonly Tone[] = [
  [0.2, 1, 0.3],
  [0.3, 0.4, 1],
  [1, 0.25, 0.2],
  [1, 1, 1],
  [0.9, 0.9, 0.2],
];

/** Glowing cells on black, in the colour of a dye. */
export const FLUORESCENCE: Look = {
  name: "fluorescence",
  channels: 3,
  weight: 5,
  background(scene) {
    const { random, size } = scene;
    const dye = random.pick(DARK_DYES);
    const glow = random.uniform(0.3, 1.5);
    scene.fill(dye.map((value) => value * glow));
    scene.addTexture(smoothField(random, size, 4), random.uniform(0.01, 0.06));
    scene.addTexture(scene.anyTexture(), random.uniform(0.01, 0.05));
  },
  objects: (easy, random) => {
    const dye = random.pick(DYES);
    return {
      count: [2, 9],
      sizes: [12, 180],
      alike: 0.8,
      style: (stream) =>
        drawStyle(
          stream,
          {
            contrast: [0.15, 0.7],
            brighter: 1,
            softness: [1.5, 4],
            grain: [0.03, 0.2],
            rim: 0.25,
            core: 0.2,
            halo: 0.2,
          },
          easy,
        ),
      tone: (_scene, under, contrast) => towards(under, dye, contrast),
    };
  },
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.6, 1.8));
    applySpeckle(scene, easy ? 0.05 : random.uniform(0.05, 0.3), 0.6, 0.6);
    addNoise(scene, easy ? 0.008 : random.logUniform(0.006, 0.03), 0, true);
    applyGamma(scene, random.uniform(0.6, 1.1));
  },
};
