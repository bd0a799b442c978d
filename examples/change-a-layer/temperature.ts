// Attention with a parameter of its own in block 3: a temperature for each head, which ten steps train.
import * as tf from "@tensorflow/tfjs";
import * as medsam from "medsam-tfjs";

class TemperedAttention extends medsam.Layer {
  qkv: medsam.Layer;
  proj: medsam.Layer;
  numHeads: number;
  /** [heads, 1, 1]: above 1, a head looks at more tokens. */
  temperature: medsam.Parameter;

  constructor(params: medsam.ParamScope, { qkv, proj, numHeads }: medsam.GridAttention) {
    super();
    this.qkv = qkv;
    this.proj = proj;
    this.numHeads = numHeads;
    this.temperature = params.get("temperature", [numHeads, 1, 1], 1); // starts at 1
  }

  forward(x: tf.Tensor4D): tf.Tensor {
    const [batch, height, width, dim] = x.shape;
    const parts = this.qkv.call(x).reshape([batch, height * width, 3, this.numHeads, -1]);
    const part = (n: number) => parts.slice([0, 0, n], [-1, -1, 1]).squeeze([2]).transpose([0, 2, 1, 3]);
    const products = tf.matMul(part(0), part(1), false, true).div(Math.sqrt(dim / this.numHeads));
    const scores = this.tap("scores", products.div(this.temperature.value)); // [batch, heads, tokens, tokens]
    const heads = tf.matMul(scores.softmax(), part(2));
    return this.proj.call(heads.transpose([0, 2, 1, 3]).reshape(x.shape));
  }
}

await medsam.useBackend("wasm");
const PATH = "image_encoder.blocks.3.attn";
const weights = medsam.openCheckpointFile(medsam.EMBEDDED_CHECKPOINT);
const model = await medsam.loadMedSam();
const block = model.imageEncoder.blocks[3];
// The file does not hold the temperature yet, so it starts with its initial value.
block.attn = new TemperedAttention(medsam.checkpointParameters(weights).at(PATH), block.attn);
weights.close();

const parameters = medsam.chooseTrainable(model, { train: [`${PATH}.temperature`] });
const optimiser = new medsam.AdamW([{ parameters, weightDecay: 0 }], { learningRate: 0.05 });
const side = model.config.imageSize;
const { image, objects } = medsam.synthesize(1, 1, { size: side });
const { pixels } = medsam.prepareImage(medsam.MEDSAM_INFERENCE, image, side);
const images = tf.tensor4d(pixels, [1, side, side, 3]);
const boxes = tf.tensor2d(
  objects.flatMap(({ box }) => [...box]),
  [objects.length, 4],
);
const target = tf.tidy(() =>
  tf.stack(objects.map(({ mask }) => tf.tensor3d(mask.data, [1, side, side], "float32"))),
);
const before = new Map([...model.namedParameters()].map(([path, parameter]) => [path, parameter.toTorch()]));

for (let step = 1; step <= 10; step++) {
  const { loss, gradients } = medsam.lossAndGradients(
    () => medsam.batchLoss(model, { images, prompts: { boxes }, target }),
    parameters,
  );
  optimiser.step(gradients);
  if (step % 9 === 1) console.log(`step ${step}: loss ${loss.arraySync().toFixed(4)}`);
  medsam.disposeGradients(gradients);
  loss.dispose();
}

for (const [path, parameter] of model.namedParameters()) {
  const values = parameter.toTorch();
  if (values.every((value, i) => value === before.get(path)?.[i])) continue;
  console.log(path, [...values].map((value) => value.toFixed(2)).join(" "));
}
medsam.saveSafetensors("tempered.safetensors", medsam.modelTensors(model));
