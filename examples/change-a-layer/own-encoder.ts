// Other image encoders behind the same interface: LiteMedSAM's, configured at building, and a few convolutions put into
// a built model.
import type * as tf from "@tensorflow/tfjs";
import * as medsam from "medsam-tfjs";

/** Three convolutions: images [B, 128, 128, 3] give embeddings [B, 16, 16, 128]. */
class SmallEncoder extends medsam.SteppedEncoder {
  patches: medsam.Layer;
  mix: medsam.Layer;
  neck: medsam.Layer;

  constructor(params: medsam.ParamScope, { promptEmbedDim, patchSize }: medsam.SamConfig) {
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

  protected stem(images: tf.Tensor): tf.Tensor {
    return this.patches.call(images);
  }

  protected stages(): readonly medsam.Layer[] {
    return [this.mix];
  }
}

await medsam.useBackend("wasm");
const image = await medsam.readImageFile("examples/sample/sample.png");
async function predict(name: string, model: medsam.Sam): Promise<void> {
  const predictor = new medsam.SamPredictor(model);
  await predictor.setImage(image);
  const { lowResLogits } = await predictor.predict({ box: [114, 205, 186, 275] });
  const { width, height } = lowResLogits[0];
  const encoder = [...model.namedParameters()].filter(([path]) => path.startsWith("image_encoder."));
  const count = encoder.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  console.log(`${name}: ${count} values in the encoder, logits ${width} x ${height}`);
  await predictor.dispose();
  model.dispose();
}

await predict("TinyViT", new medsam.Sam(medsam.seededParameters(1), medsam.LITE_MEDSAM));

const model: medsam.Sam = await medsam.loadMedSam(); // of no certain encoder
for (const parameter of model.imageEncoder.namedParameters().values()) parameter.dispose();
model.imageEncoder = new SmallEncoder(medsam.seededParameters(1).at("image_encoder"), model.config);
await predict("own encoder", model);
