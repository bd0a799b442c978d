// node scripts/draw-readme.mjs [FILE]: draws the README's picture, the sample with its box beside the sample with
// the mask. Run it after `npm run build`.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  SamPredictor,
  drawOverlay,
  encodePng,
  loadMedSam,
  readImageFile,
  useBackend,
  writeFileAtomic,
} from "../dist/index.js";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
/** The rows of the sample that are shown, and the columns between the two pictures. */
const [TOP, BOTTOM, GAP] = [72, 442, 8];

await useBackend("wasm"); // the same everywhere
const image = await readImageFile(path("examples/sample/sample.png"));
const [{ x0, y0, x1, y1 }] = JSON.parse(readFileSync(path("examples/sample/boxes.json"), "utf8"));
const box = [x0, y0, x1, y1];
const predictor = new SamPredictor(await loadMedSam());
await predictor.setImage(image);
const { masks } = await predictor.predict({ box });

const pictures = [drawOverlay(image, { boxes: [box] }), drawOverlay(image, { masks })];
const width = 2 * image.width + GAP;
const height = BOTTOM - TOP;
const data = new Uint8Array(width * height * 3).fill(255);
for (const [n, picture] of pictures.entries()) {
  const stride = 3 * image.width;
  for (let row = 0; row < height; row++) {
    const from = (TOP + row) * stride;
    data.set(picture.data.subarray(from, from + stride), (row * width + n * (image.width + GAP)) * 3);
  }
}
const file = process.argv[2] ?? path("docs/images/sample.png");
await writeFileAtomic(file, encodePng({ width, height, channels: 3, data }));
