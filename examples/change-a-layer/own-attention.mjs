// Replaces the attention of block 3 by one's own, without relative positions, and shows what that changes.
import * as tf from "@tensorflow/tfjs";
import * as medsam from "medsam-tfjs";

class PlainAttention extends medsam.Layer {
  constructor({ qkv, proj, numHeads }) {
    super();
    Object.assign(this, { qkv, proj, numHeads }); // the parameters keep their paths
  }
  forward(x) {
    const [batch, height, width, dim] = x.shape;
    const parts = this.qkv.call(x).reshape([batch, height * width, 3, this.numHeads, -1]);
    const [q, k, v] = tf.split(parts.transpose([2, 0, 3, 1, 4]), 3).map((part) => part.squeeze([0]));
    const scores = tf.matMul(q, k, false, true).div(Math.sqrt(dim / this.numHeads));
    const heads = tf.matMul(scores.softmax(), v); // [batch, heads, tokens, dim / heads]
    return this.proj.call(heads.transpose([0, 2, 1, 3]).reshape(x.shape));
  }
}

await medsam.useBackend("wasm");
const image = await medsam.readImageFile("examples/sample/sample.png");
const model = await medsam.loadMedSam(); // or loadMedSam("medsam_vit_b.pth")
const look = (...paths) => medsam.traceImage(model, image, { box: [114, 205, 186, 275] }, paths);
const before = await look("image_encoder.blocks.*", "mask_decoder.masks");
model.imageEncoder.blocks[3].attn = new PlainAttention(model.imageEncoder.blocks[3].attn);
for (const [path, value] of await look(...before.keys())) {
  const { largest } = medsam.compareTensors(path, value, before.get(path), { absolute: 0, relative: 0 });
  console.log(path, largest.toFixed(2));
}
