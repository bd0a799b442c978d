// What a trace of all blocks costs: node bench/traceCost.mjs BACKEND CHECKPOINT IMAGE
// Encodes the image by turns with and without taps, in one process, and prints both times and their ratio.
import * as medsam from "../dist/index.js";

const TURNS = 3;
const [backend, checkpoint, image] = process.argv.slice(2);
await medsam.useBackend(backend, { verify: false });
const model = await medsam.loadMedSam(checkpoint);
const predictor = new medsam.SamPredictor(model);
const pixels = await medsam.readImageFile(image);

const encode = () => predictor.setImage(pixels);
let tapped = 0;
const traced = async () => {
  const { tensors } = await medsam.trace(model, ["image_encoder.blocks.*"], encode);
  tapped = tensors.size;
};
async function seconds(body) {
  const start = performance.now();
  await body();
  return (performance.now() - start) / 1000;
}

await encode(); // the first one makes what later ones keep
const [plain, withTaps] = [[], []];
for (let turn = 0; turn < TURNS; turn++) {
  plain.push(await seconds(encode));
  withTaps.push(await seconds(traced));
}
const ratio = Math.min(...withTaps) / Math.min(...plain);
const rounded = (list) => list.map((value) => Number(value.toFixed(2)));
console.log(
  JSON.stringify({
    backend,
    tapped,
    plain: rounded(plain),
    traced: rounded(withTaps),
    ratio: Number(ratio.toFixed(3)),
  }),
);
await predictor.dispose();
model.dispose();
process.exit(0);
