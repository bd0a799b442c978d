// A training loop of one's own, from the pieces of the package: the mask decoder learns hollow objects, which the
// weights in the package do not know, from generated pictures.
import * as tf from "@tensorflow/tfjs";
import * as medsam from "medsam-tfjs";

const STEPS = 200;
await medsam.useBackend("auto");
const model = await medsam.loadMedSam(); // or a path: your own weights
const side = model.config.imageSize;
const parameters = medsam.chooseTrainable(model, "decoder");
const optimiser = new medsam.AdamW([{ parameters }], { learningRate: 1e-3 });
const random = new medsam.Random(1);

let mean = 0;
for (let step = 1; step <= STEPS; step++) {
  // Data: a picture with a few objects, and a box around each, drawn as MedSAM draws them in training.
  const { image, objects } = medsam.synthesize(1, step, { size: side, domain: "rings" });
  const prompts = objects.flatMap(({ box }) => medsam.jitterBox(box, [side, side], side / 64, random));
  const { pixels } = medsam.prepareImage(medsam.MEDSAM_INFERENCE, image, side);

  // The encoder stays as it is: its embedding needs no gradient.
  const embedding = tf.tidy(() => model.imageEncoder.call(tf.tensor4d(pixels, [1, side, side, 3])));
  const boxes = tf.tensor2d(prompts, [objects.length, 4]);
  const target = tf.tidy(() =>
    tf.stack(objects.map(({ mask }) => tf.tensor3d(mask.data, [1, side, side], "float32"))),
  );
  const { loss, gradients } = medsam.lossAndGradients(() => {
    const { masks } = model.decode({ embedding }, { boxes }, false); // logits [objects, 1, side / 4, side / 4]
    return medsam.medsamLoss(medsam.resizeBilinear(masks, [side, side]), target);
  }, parameters);
  optimiser.step(gradients);

  mean += ((await loss.array()) - mean) / Math.min(step, 20);
  if (step % 20 === 0) console.log(`step ${step}: loss ${mean.toFixed(4)}`);
  medsam.disposeGradients(gradients);
  tf.dispose([embedding, boxes, target, loss]);
}

medsam.saveSafetensors("rings.safetensors", medsam.modelTensors(model));
optimiser.dispose();
model.dispose();
