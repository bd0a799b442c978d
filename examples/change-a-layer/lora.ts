// LoRA on the queries and values of every block, a few training steps, and a merged checkpoint that any SAM loads.
import * as tf from "@tensorflow/tfjs";
import * as medsam from "medsam-tfjs";

await medsam.useBackend("auto");
const model = await medsam.loadMedSam();
const side = model.config.imageSize;
medsam.addLora(model, ["image_encoder.blocks.*.attn.qkv"], medsam.seededParameters(1), {
  rank: 4,
  alpha: 4,
  parts: [true, false, true], // of q, k and v
});
const parameters = medsam.chooseTrainable(model, "lora");
const before = new Map([...model.namedParameters()].map(([path, parameter]) => [path, parameter.toTorch()]));
const optimiser = new medsam.AdamW([{ parameters }], { learningRate: 1e-3 });

const { image, objects } = medsam.synthesize(1, 1, { size: side, domain: "rings" });
const { pixels } = medsam.prepareImage(medsam.MEDSAM_INFERENCE, image, side);
const images = tf.tensor4d(pixels, [1, side, side, 3]);
const boxes = tf.tensor2d(
  objects.flatMap(({ box }) => [...box]),
  [objects.length, 4],
);
const target = tf.tidy(() =>
  tf.stack(objects.map(({ mask }) => tf.tensor3d(mask.data, [1, side, side], "float32"))),
);
for (let step = 1; step <= 10; step++) {
  const { loss, gradients } = medsam.lossAndGradients(() => {
    const { masks } = model.call({ images, boxes, multimaskOutput: false });
    return medsam.medsamLoss(medsam.resizeBilinear(masks, [side, side]), target);
  }, parameters);
  optimiser.step(gradients);
  console.log(`step ${step}: loss ${(await loss.array()).toFixed(4)}`);
  medsam.disposeGradients(gradients);
  loss.dispose();
}

const changed = [...model.namedParameters()].filter(([path, parameter]) => {
  const old = before.get(path);
  return parameter.toTorch().some((value, i) => value !== old?.[i]);
});
const strangers = changed.filter(([path]) => !path.includes(".lora."));
console.log(`changed: ${changed.length} tensors, of them not LoRA's: ${strangers.length}`);

const masks = () =>
  tf.tidy(() => model.call({ images, boxes, multimaskOutput: false }).masks.dataSync<"float32">());
const withAdapters = masks();
medsam.mergeLora(model);
const merged = masks();
const most = (values: Float32Array) =>
  values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
const share = most(merged.map((value, i) => value - (withAdapters[i] ?? 0))) / most(merged);
console.log(`merged, the masks' logits differ by ${share.toExponential(1)} of the largest`);
medsam.saveSafetensors("merged.safetensors", medsam.modelTensors(model));
