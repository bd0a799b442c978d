// Replaces the attention of block 3 by one's own, without relative positions, and shows what that changes.
import * as tf from "@tensorflow/tfjs";
import * as medsam from "medsam-tfjs";

class PlainAttention extends medsam.Layer {
  qkv: medsam.Layer;
  proj: medsam.Layer;
  numHeads: number;

  constructor({ qkv, proj, numHeads }: medsam.GridAttention) {
    super();
    this.qkv = qkv; // the layers that were there: their parameters keep their paths
    this.proj = proj;
    this.numHeads = numHeads;
  }

  forward(x: tf.Tensor4D): tf.Tensor {
    const [batch, height, width, dim] = x.shape;
    const parts = this.qkv.call(x).reshape([batch, height * width, 3, this.numHeads, -1]);
    const part = (n: number) => parts.slice([0, 0, n], [-1, -1, 1]).squeeze([2]).transpose([0, 2, 1, 3]);
    const scores = tf.matMul(part(0), part(1), false, true).div(Math.sqrt(dim / this.numHeads));
    const heads = tf.matMul(scores.softmax(), part(2)); // [batch, heads, tokens, dim / heads]
    return this.proj.call(heads.transpose([0, 2, 1, 3]).reshape(x.shape));
  }
}

await medsam.useBackend("wasm");
const image = await medsam.readImageFile("examples/sample/sample.png");
const model = await medsam.loadMedSam(); // or loadMedSam("medsam_vit_b.pth", { config: medsam.VIT_B })
const look = (...paths: string[]) => medsam.traceImage(model, image, { box: [114, 205, 186, 275] }, paths);

const before = await look("image_encoder.blocks.*", "mask_decoder.masks");
const block = model.imageEncoder.blocks[3];
block.attn = new PlainAttention(block.attn);
const after = await look(...before.keys());
for (const [path, value] of before) {
  const { largest } = medsam.compareTensors(path, after.get(path), value, { absolute: 0, relative: 0 });
  console.log(path, largest.toFixed(2));
}
