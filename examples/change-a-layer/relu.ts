// ReLU for GELU in one block.
import * as medsam from "medsam-tfjs";

await medsam.useBackend("wasm");
const model = await medsam.loadMedSam();
const image = await medsam.readImageFile("examples/sample/sample.png");
const pixels = async () => {
  const predictor = new medsam.SamPredictor(model);
  await predictor.setImage(image);
  const { masks } = await predictor.predict({ box: [114, 205, 186, 275] });
  await predictor.dispose();
  return medsam.maskArea(masks[0]);
};

console.log("GELU in all blocks:", await pixels(), "pixels");
model.imageEncoder.blocks[0].mlp.act = new medsam.Relu();
console.log("ReLU in block 0:", await pixels(), "pixels");

// It has no parameters: what is saved is what any SAM loads.
medsam.saveSafetensors("relu.safetensors", medsam.modelTensors(model));
model.dispose();
