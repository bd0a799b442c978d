// node scripts/draw-sample.mjs [FOLDER]: draws the sample, a slice that looks like abdominal CT with a lesion in the
// liver, by formula: no patient's picture is shipped. Writes sample.png, lesion.png (the lesion as it was drawn, 1
// inside) and boxes.json (the prompt). Run it after `npm run build`.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomic } from "../dist/image/encode.node.js";
import { encodePng } from "../dist/image/encode.js";

const SIZE = 512;
/** The window that the Hounsfield values are shown in, as a radiologist sets it for the liver. */
const WINDOW = { level: 50, width: 400 };

/** Pseudo-random numbers in [0, 1), the same on every machine (mulberry32). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An ellipse whose outline is rippled: gives the distance of (x, y) to the outline in pixels, negative inside. */
function blob(cx, cy, rx, ry, { turn = 0, ripple = 0, seed = 1 } = {}) {
  const random = randomNumbers(seed);
  const waves = [2, 3, 4, 5, 7].map((k) => ({ k, size: ripple / k, phase: 2 * Math.PI * random() }));
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return (x, y) => {
    const u = ((x - cx) * cos + (y - cy) * sin) / rx;
    const v = ((y - cy) * cos - (x - cx) * sin) / ry;
    const angle = Math.atan2(v, u);
    const outline = waves.reduce((sum, { k, size, phase }) => sum + size * Math.sin(k * angle + phase), 1);
    return (Math.hypot(u, v) - outline) * Math.min(rx, ry);
  };
}

/** A vessel along a line that gets thinner from `r0` to `r1`. */
function vessel(x0, y0, x1, y1, r0, r1) {
  const length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2;
  return (x, y) => {
    const t = Math.min(1, Math.max(0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length2));
    const bend = 5 * Math.sin(3 * t);
    return Math.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0) - bend) - (r0 + t * (r1 - r0));
  };
}

const union =
  (...shapes) =>
  (x, y) =>
    Math.min(...shapes.map((shape) => shape(x, y)));
const inside = (shape, limit) => (x, y) => Math.max(shape(x, y), limit(x, y));
const grown = (shape, by) => (x, y) => shape(x, y) - by;
const without = (shape, hole) => (x, y) => Math.max(shape(x, y), -hole(x, y));

const lesion = blob(150, 240, 36, 30, { turn: 0.5, ripple: 0.1, seed: 62 });
/** A box as a person draws it: the lesion and three pixels around it. */
const BOX = { x0: 114, y0: 205, x1: 186, y1: 275 };

/** What lies in the slice, from the back to the front: a shape, its Hounsfield value, the width of its edge. */
function anatomy() {
  const body = blob(256, 258, 218, 158, { ripple: 0.05, seed: 3 });
  const wall = blob(256, 256, 194, 137, { ripple: 0.05, seed: 3 });
  const cavity = blob(256, 250, 179, 122, { ripple: 0.05, seed: 3 });
  const liver = inside(
    union(
      blob(163, 238, 96, 104, { ripple: 0.1, seed: 11 }),
      blob(236, 190, 78, 40, { turn: -0.12, ripple: 0.1, seed: 12 }),
    ),
    grown(cavity, -4),
  );
  const stomach = inside(blob(338, 202, 64, 50, { turn: 0.25, ripple: 0.12, seed: 21 }), grown(cavity, -5));
  const spleen = inside(
    without(blob(402, 274, 44, 66, { turn: 0.25, ripple: 0.08, seed: 31 }), blob(352, 262, 34, 60)),
    grown(cavity, -5),
  );
  const kidneys = [
    blob(176, 333, 30, 25, { turn: 0.5, ripple: 0.05, seed: 41 }),
    blob(348, 331, 32, 26, { turn: -0.5, ripple: 0.05, seed: 42 }),
  ];
  const vertebra = union(
    blob(256, 334, 33, 25, { ripple: 0.05, seed: 51 }),
    without(blob(256, 366, 26, 21), blob(256, 367, 14, 11)),
    vessel(236, 366, 196, 370, 7, 5),
    vessel(276, 366, 316, 370, 7, 5),
    vessel(256, 380, 256, 402, 6, 4),
  );
  const ribs = [-2.75, -2.3, -1.8, -1.3, -0.8, -0.35, 0.15, 0.75, 2.4, 3.0].map((angle) =>
    blob(256 + 187 * Math.cos(angle), 256 + 130 * Math.sin(angle), 13, 5, {
      turn: Math.atan2(130 * Math.cos(angle), -187 * Math.sin(angle)),
    }),
  );
  const loops = [
    [300, 262, 24, 17],
    [338, 268, 19, 15],
    [282, 238, 26, 12],
  ].map(([x, y, rx, ry], n) => blob(x, y, rx, ry, { ripple: 0.15, seed: 70 + n }));
  const aorta = blob(276, 296, 13, 12.5);
  return [
    [blob(256, 520, 330, 105), -820, 2], // the table
    [blob(256, 528, 330, 105), -940, 2],
    [body, -15, 1.5], // skin
    [grown(body, -3), -105, 1.5], // fat
    [wall, 55, 2], // muscle
    [cavity, -100, 2],
    [
      inside(
        union(
          blob(208, 382, 38, 24, { ripple: 0.1, seed: 81 }),
          blob(304, 382, 38, 24, { ripple: 0.1, seed: 82 }),
        ),
        body,
      ),
      58,
      2,
    ],
    [inside(union(blob(218, 340, 20, 24), blob(294, 340, 20, 24)), body), 56, 2],
    ...ribs.flatMap((rib) => [
      [rib, 480, 1.5],
      [grown(rib, -3), 190, 2],
    ]),
    [vertebra, 420, 1.5],
    [grown(vertebra, -3.5), 210, 3],
    [blob(256, 367, 13, 10), 30, 2], // spinal canal
    [liver, 112, 1.5],
    [
      inside(
        union(
          vessel(214, 240, 150, 196, 6, 2.5),
          vessel(214, 240, 168, 290, 6, 2.5),
          vessel(190, 224, 126, 226, 3.5, 1.5),
          vessel(180, 272, 120, 292, 3, 1.5),
          vessel(214, 240, 232, 182, 4.5, 2),
          vessel(150, 196, 112, 186, 2.5, 1.5),
        ),
        grown(liver, -6),
      ),
      168,
      1.5,
    ],
    [grown(lesion, 2.5), 128, 3], // rim that takes up contrast
    [lesion, 36, 3],
    [blob(146, 243, 15, 12, { ripple: 0.15, seed: 63 }), 24, 6],
    [blob(222, 262, 15, 21, { turn: 0.5 }), 8, 1.5], // gall bladder
    [stomach, 75, 1.5],
    [grown(stomach, -5), 22, 1.5],
    [inside(grown(stomach, -5), (_, y) => y - 186), -930, 1], // air above the fluid
    [spleen, 128, 1.5],
    ...loops.flatMap((loop) => [
      [loop, 85, 1.5],
      [grown(loop, -4), 30, 2],
    ]),
    [blob(298, 258, 9, 4), -800, 1.5], // gas in the bowel
    ...kidneys.flatMap((kidney) => [
      [kidney, 195, 1.5],
      [grown(kidney, -9), 150, 3],
      [grown(kidney, -17), -60, 3],
    ]),
    [blob(228, 294, 17, 12, { ripple: 0.08, seed: 91 }), 150, 1.5], // vena cava
    [aorta, 230, 1.5],
    [without(aorta, grown(aorta, -1.5)), 150, 1],
  ];
}

/** Hounsfield values of the slice without noise. */
function paint() {
  const image = new Float64Array(SIZE * SIZE).fill(-1000);
  for (const [shape, value, edge] of anatomy()) {
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const share = Math.min(1, Math.max(0, 0.5 - shape(x + 0.5, y + 0.5) / edge));
        image[y * SIZE + x] += share * (value - image[y * SIZE + x]);
      }
    }
  }
  return image;
}

/** Noise of a scanner: its grains are a few pixels wide. Standard deviation about `sigma`. */
function noise(sigma, seed) {
  const random = randomNumbers(seed);
  const white = Float64Array.from({ length: SIZE * SIZE }, () => random() + random() + random() - 1.5);
  const at = (x, y) => white[((y + SIZE) % SIZE) * SIZE + ((x + SIZE) % SIZE)];
  return white.map((value, n) => {
    const [x, y] = [n % SIZE, Math.floor(n / SIZE)];
    const near = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1);
    const far = at(x - 1, y - 1) + at(x + 1, y - 1) + at(x - 1, y + 1) + at(x + 1, y + 1);
    return (sigma * (value + 0.7 * near + 0.4 * far)) / 0.95;
  });
}

/** Grey values 0 to 255, row by row. */
function drawSample() {
  const [tissue, fine, coarse] = [paint(), noise(11, 1), noise(1, 2)];
  const low = WINDOW.level - WINDOW.width / 2;
  return Uint8Array.from(tissue, (value, n) => {
    const grain = value > -300 ? fine[n] + 4 * coarse[n] : fine[n] / 3;
    return Math.min(255, Math.max(0, Math.round(((value + grain - low) / WINDOW.width) * 255)));
  });
}

const folder = process.argv[2] ?? fileURLToPath(new URL("../examples/sample/", import.meta.url));
const png = (data) => encodePng({ width: SIZE, height: SIZE, channels: 1, data });
const isLesion = (_, n) => (lesion((n % SIZE) + 0.5, Math.floor(n / SIZE) + 0.5) < 0 ? 1 : 0);
const prompts = [{ image: "sample.png", ...BOX, label: "lesion" }];
await writeFileAtomic(join(folder, "sample.png"), png(drawSample()));
await writeFileAtomic(join(folder, "lesion.png"), png(Uint8Array.from({ length: SIZE * SIZE }, isLesion)));
await writeFileAtomic(join(folder, "boxes.json"), JSON.stringify(prompts, null, 2) + "\n");
