// Attention over the whole grid in every block: the tables of relative positions, made for windows, are interpolated.
import * as medsam from "medsam-tfjs";

await medsam.useBackend("wasm");
const model = await medsam.loadMedSam();
const image = await medsam.readImageFile("examples/sample/sample.png");
const prompt = { box: [114, 205, 186, 275] } as const;
const paths = ["image_encoder.blocks.0.attn.scores", "image_encoder.blocks.*"];

async function shape(): Promise<string | undefined> {
  const values = await medsam.traceImage(model, image, prompt, paths);
  return values.get("image_encoder.blocks.0.attn.scores")?.shape.join(" x ");
}

console.log("scores of block 0, in windows:", await shape());
for (const block of model.imageEncoder.blocks) block.windowSize = 0;
console.log("over the whole grid:", await shape());
model.dispose();
