// Other image encoders behind the same interface: LiteMedSAM's, configured at building, and a few convolutions put into
// a built model. Run it: node examples/change-a-layer/own-encoder.mjs
import * as medsam from "medsam-tfjs";

/** Three convolutions: images [B, 128, 128, 3] give embeddings [B, 16, 16, 128]. */
class SmallEncoder extends medsam.SteppedEncoder {
  constructor(params, { promptEmbedDim, patchSize }) {
    super();
    this.patches = new medsam.Conv2d(params.at("patches"), {
      inChannels: 3,
      outChannels: 64,
      kernelSize: patchSize,
      stride: patchSize,
    });
    this.mix = new medsam.Conv2d(params.at("mix"), {
      inChannels: 64,
      outChannels: 64,
      kernelSize: 3,
      padding: 1,
    });
    this.neck = new medsam.Conv2d(params.at("neck"), {
      inChannels: 64,
      outChannels: promptEmbedDim,
      kernelSize: 1,
    });
  }
  stem(images) {
    return this.patches.call(images);
  }
  stages() {
    return [this.mix];
  }
}

await medsam.useBackend("wasm");
const image = await medsam.readImageFile("examples/sample/sample.png");
async function predict(name, model) {
  const predictor = new medsam.SamPredictor(model);
  await predictor.setImage(image);
  const { lowResLogits } = await predictor.predict({ box: [114, 205, 186, 275] });
  const encoder = [...model.namedParameters()].filter(([path]) => path.startsWith("image_encoder."));
  const count = encoder.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  console.log(
    `${name}: ${count} values in the encoder, logits ${lowResLogits[0].width} x ${lowResLogits[0].height}`,
  );
  await predictor.dispose();
  model.dispose();
}

await predict("TinyViT", new medsam.Sam(medsam.seededParameters(1), medsam.LITE_MEDSAM));

const model = await medsam.loadMedSam();
for (const parameter of model.imageEncoder.namedParameters().values()) parameter.dispose();
model.imageEncoder = new SmallEncoder(medsam.seededParameters(1).at("image_encoder"), model.config);
await predict("own encoder", model);
