// node scripts/draw-generated.mjs [FILE]: draws a generated picture of every look, without and with its objects. Run it
// after `npm run build`.
import { fileURLToPath } from "node:url";
import { drawOverlay, encodePng, synthesize, writeFileAtomic } from "../dist/index.js";
import { LOOKS } from "../dist/train/synthetic/looks.js";

const [SIDE, GAP, ACROSS] = [96, 4, 6];
/** Of a look the first picture that shows so many, as one object alone says little of it. */
const LEAST_OBJECTS = 2;

const found = new Map();
for (let index = 0; found.size < LOOKS.length; index++) {
  const picture = synthesize(0, index, { size: SIDE });
  if (picture.objects.length >= LEAST_OBJECTS && !found.has(picture.look)) found.set(picture.look, picture);
}
const width = ACROSS * (SIDE + GAP) - GAP;
const rows = 2 * Math.ceil(LOOKS.length / ACROSS);
const height = rows * (SIDE + GAP) - GAP;
const data = new Uint8Array(width * height * 3).fill(255);
for (const [n, { name }] of LOOKS.entries()) {
  const { image, objects } = found.get(name);
  const masks = objects.map(({ mask }) => mask);
  for (const [below, picture] of [drawOverlay(image, {}), drawOverlay(image, { masks })].entries()) {
    const left = (n % ACROSS) * (SIDE + GAP);
    const top = (2 * Math.floor(n / ACROSS) + below) * (SIDE + GAP);
    for (let row = 0; row < SIDE; row++)
      data.set(picture.data.subarray(row * SIDE * 3, (row + 1) * SIDE * 3), ((top + row) * width + left) * 3);
  }
}
const file = process.argv[2] ?? fileURLToPath(new URL("../docs/images/generated.png", import.meta.url));
await writeFileAtomic(file, encodePng({ width, height, channels: 3, data }));
