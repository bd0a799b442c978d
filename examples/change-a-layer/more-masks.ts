// A decoder with one more mask token: what the checkpoint has is loaded, what is new starts from a seed.
import * as medsam from "medsam-tfjs";

await medsam.useBackend("wasm");
const file = medsam.openCheckpointFile(medsam.EMBEDDED_CHECKPOINT);
const config = { ...medsam.TINY, maskDecoder: { ...medsam.TINY.maskDecoder, numMultimaskOutputs: 4 } };
const { model, report } = medsam.buildSam(file, { config, allowIncomplete: true });
file.close();
console.log(
  `new: ${report.missing.length} tensors; of another shape: ${report.misshapen.map(({ path }) => path).join(", ")}`,
);

const predictor = new medsam.SamPredictor(model);
await predictor.setImage(await medsam.readImageFile("examples/sample/sample.png"));
const { masks } = await predictor.predict({ box: [114, 205, 186, 275] }, { multimaskOutput: true });
console.log(`candidates: ${masks.length}`);
await predictor.dispose();
model.dispose();
