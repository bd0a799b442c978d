import {
  bodyPatch,
  cutToBody,
  paintRegions,
  paintShells,
  paintStructure,
  paintStructures,
} from "../background.js";
import { drawCurves } from "../curves.js";
import { addNoise, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import type { Scene, Tone } from "../scene.js";
import { rasterise, roundOutline } from "../shape.js";
import { drawStyle, greyTone } from "../styles.js";

/** A slice through a trunk or a head: skin, fat, muscle, organs, bones and gas, hardly any texture, on black. */
export const CT: Look = {
  name: "ct",
  channels: 1,
  weight: 16,
  background(scene) {
    const { random } = scene;
    const fat = random.uniform(0.15, 0.3);
    const soft = random.uniform(0.42, 0.58);
    const kind = random.next();
    const isHead = kind > 0.85;
    const tones = [scene.tone(isHead ? soft : fat), scene.tone(soft), scene.tone(soft - 0.06)];
    paintRegions(scene, tones.slice(0, random.integer(2, 3)), random.uniform(60, 120), 0.008);
    const body = bodyPatch(scene, 1.6);
    const skin = scene.px(random.uniform(1, 2.5));
    const wall = skin + scene.px(isHead ? 3 : random.uniform(4, 20));
    const muscle = wall + scene.px(random.uniform(3, 11));
    paintShells(scene, body, [
      { to: skin, tone: scene.tone(soft) },
      { to: wall, tone: scene.tone(fat) },
      { to: muscle, tone: scene.tone(isHead ? 0.97 : soft + 0.04) },
    ]);
    cutToBody(scene, body, scene.tone(random.uniform(0, 0.04)), muscle);
    if (isHead) return;
    if (kind < 0.25) paintLungs(scene);
    else paintAbdomen(scene, soft);
    paintSpine(scene, soft);
  },
  objects: (easy) => ({
    count: [2, 9],
    sizes: [12, 300],
    alike: 0.2,
    style: (random) =>
      drawStyle(
        random,
        {
          contrast: [0.06, 0.35],
          brighter: 0.5,
          softness: [1, 3],
          grain: [0.003, 0.03],
          rim: 0.2,
          core: 0.2,
          halo: 0.05,
        },
        easy,
      ),
    tone: greyTone,
  }),
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.5, 1.2));
    addNoise(scene, easy ? 0.015 : random.logUniform(0.01, 0.055), random.uniform(0.4, 1));
  },
};

function paintAbdomen(scene: Scene, soft: number): void {
  const { random } = scene;
  paintStructures(scene, {
    count: random.integer(2, 8),
    sizes: [30, 140],
    tone: () => scene.tone(soft + random.uniform(-0.07, 0.14)),
  });
  const gas = random.chance(0.5) ? random.integer(1, 5) : 0;
  paintStructures(scene, { count: gas, sizes: [8, 36], tone: () => scene.tone(0) });
}

/** Two dark wings with branching vessels. */
function paintLungs(scene: Scene): void {
  const { random, size } = scene;
  const air = random.uniform(0.02, 0.14);
  for (const side of [-1, 1]) {
    const place = {
      x: size * (0.5 + side * random.uniform(0.18, 0.24)),
      y: size * random.uniform(0.42, 0.52),
      length: size * random.uniform(0.45, 0.6),
      angle: Math.PI / 2 + side * random.uniform(-0.2, 0.3),
    };
    const outline = { ...roundOutline(random, 1.4), aspect: random.uniform(1.3, 1.7), bend: side * 0.12 };
    paintStructure(scene, rasterise(outline, place, size, scene.warp), () => scene.tone(air), 2, 0.02);
    drawCurves(scene, random.integer(2, 6), {
      length: scene.px(50),
      radius: scene.px(random.uniform(0.8, 2)),
      curl: 0.03,
      tone: scene.tone(0.5),
      opacity: 0.5,
      branching: 0.03,
    });
  }
}

/** A vertebra at the lower middle, and pieces of ribs or hips beside it. */
function paintSpine(scene: Scene, soft: number): void {
  const { random, size } = scene;
  const bone = random.uniform(0.75, 1);
  const [x, y] = [size * random.uniform(0.46, 0.54), size * random.uniform(0.68, 0.8)];
  const disc = (dx: number, dy: number, length: number, tone: Tone) => {
    const place = {
      x: x + scene.px(dx),
      y: y + scene.px(dy),
      length: scene.px(length),
      angle: 0.2 * random.normal(),
    };
    const outline = { ...roundOutline(random, 1.4), roughness: 0.05 };
    paintStructure(scene, rasterise(outline, place, size, scene.warp), () => tone, 1.5, 0.05);
  };
  const width = random.uniform(22, 36);
  disc(0, 0, width, scene.tone(bone));
  disc(0, 0.62 * width, 0.5 * width, scene.tone(bone));
  disc(-0.6 * width, 0.5 * width, 0.45 * width, scene.tone(bone));
  disc(0.6 * width, 0.5 * width, 0.45 * width, scene.tone(bone));
  disc(0, 0.45 * width, 0.36 * width, scene.tone(soft));
  paintStructures(scene, {
    count: random.integer(0, 6),
    sizes: [8, 30],
    tone: () => scene.tone(bone),
    outline: (stream) => roundOutline(stream, 2.5),
  });
}
