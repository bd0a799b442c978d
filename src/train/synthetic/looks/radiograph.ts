import { drawCurve } from "../curves.js";
import { smoothField } from "../fields.js";
import { addNoise, applyGamma, blurAll } from "../finish.js";
import type { Look } from "../look.js";
import { flat, type Scene } from "../scene.js";
import { rasterise, roundOutline } from "../shape.js";
import { drawStyle, greyTone } from "../styles.js";

/** A projection: what overlaps adds up, edges are those of lenses, ribs and a spine cross it. */
export const RADIOGRAPH: Look = {
  name: "radiograph",
  channels: 1,
  weight: 10,
  background(scene) {
    const { random, size } = scene;
    scene.fill(scene.tone(random.uniform(0.35, 0.65)));
    scene.addTexture(smoothField(random, size, 3), random.uniform(0.05, 0.15));
    scene.addTexture(scene.anyTexture(), random.uniform(0.005, 0.03));
    const kind = random.next();
    if (kind < 0.5) paintChest(scene);
    else if (kind < 0.75) paintBones(scene);
  },
  objects: (easy) => ({
    count: [1, 5],
    sizes: [13, 330],
    alike: 0.25,
    style: (random) => ({
      ...drawStyle(
        random,
        {
          contrast: [0.1, 0.4],
          brighter: 0.5,
          softness: [1.5, 4],
          grain: [0.003, 0.03],
          rim: 0.1,
          core: 0.05,
          halo: 0.05,
        },
        easy,
      ),
      lens: random.chance(0.5),
    }),
    tone: greyTone,
  }),
  finish(scene, easy) {
    const { random } = scene;
    blurAll(scene, random.uniform(0.5, 1.2));
    addNoise(scene, easy ? 0.01 : random.logUniform(0.006, 0.035), random.uniform(0, 0.6));
    applyGamma(scene, random.uniform(0.7, 1.4));
  },
};

/** Dark lungs, a bright spine between them, curved ribs over all. */
function paintChest(scene: Scene): void {
  const { random, size } = scene;
  const middle = random.uniform(0.42, 0.58);
  for (const side of [-1, 1]) {
    const place = {
      x: size * (middle + side * random.uniform(0.2, 0.25)),
      y: size * random.uniform(0.42, 0.52),
      length: size * random.uniform(0.6, 0.8),
      angle: Math.PI / 2 + side * random.uniform(0, 0.15),
      margin: 8,
    };
    const outline = { ...roundOutline(random, 1.2), aspect: random.uniform(1.7, 2.2) };
    const lung = rasterise(outline, place, size, scene.warp);
    scene.paint(lung, {
      ...flat(scene, scene.tone(0.05), 0.03),
      opacity: random.uniform(0.5, 0.8),
      softness: 7,
    });
  }
  const spine = { x: size * middle, y: size / 2, length: 3 * size, angle: Math.PI / 2, margin: 8 };
  const column = rasterise({ ...roundOutline(random, 1), aspect: 20 }, spine, size, scene.warp);
  scene.paint(column, { ...flat(scene, scene.tone(0.9)), opacity: random.uniform(0.2, 0.5), softness: 10 });
  const ribs = random.integer(5, 9);
  for (let n = 0; n < 2 * ribs; n++) {
    const left = n % 2 === 0;
    drawCurve(scene, {
      x: size * (middle + (left ? -0.05 : 0.05)),
      y: (size * (n >> 1)) / ribs + random.normal() * 3,
      angle: left ? Math.PI + 0.3 : -0.3,
      length: 0.5 * size,
      radius: scene.px(random.uniform(2, 4.5)),
      curl: 0.003,
      tone: scene.tone(0.85),
      opacity: 0.05,
    });
  }
}

/** Long bright bones with a bright edge. */
function paintBones(scene: Scene): void {
  const { random, size } = scene;
  const angle = random.uniform(0, Math.PI);
  for (let n = random.integer(1, 3); n > 0; n--) {
    const place = {
      x: size * random.uniform(0.2, 0.8),
      y: size * random.uniform(0.2, 0.8),
      length: size * random.uniform(0.8, 1.8),
      angle: angle + 0.2 * random.normal(),
      margin: 4,
    };
    const outline = {
      ...roundOutline(random, 1),
      aspect: random.uniform(4, 8),
      bend: random.uniform(-0.05, 0.05),
    };
    const bone = rasterise(outline, place, size, scene.warp);
    const rim = { width: scene.px(3), change: 0.15 };
    scene.paint(bone, { ...flat(scene, scene.tone(0.8), 0.03), opacity: random.uniform(0.4, 0.8), rim });
  }
}
