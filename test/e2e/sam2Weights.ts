import { parameterShapes } from "../../src/model/parameterShapes.js";
import { MEDSAM2 } from "../../src/model/sam2/config.js";
import { fromFloat32 } from "../../src/weights/numbers.js";
import type { TensorToWrite } from "../../src/weights/safetensorsWriter.js";

/**
 * MedSAM2's state_dict with small values, made fast: 39 million of them.
 *
 * @param score what is added to the logit of an object being in a slice.
 */
export function medSam2(score: number): TensorToWrite[] {
  return [...parameterShapes(MEDSAM2)].map(([name, shape], place): TensorToWrite => {
    const isScore = name === "sam_mask_decoder.pred_obj_score_head.layers.2.bias";
    const isScale = /(norm\d?|encoder\.(1|4|7|10)|output_upscaling\.1|mask_downscaling\.[14])\.weight$/.test(name); // prettier-ignore
    const values = () => {
      const out = new Float32Array(shape.reduce((a, b) => a * b, 1));
      for (let i = 0; i < out.length; i++) out[i] = (((i + 31 * place) * 0.6180339887) % 1) * 0.1 - 0.05 + (isScale ? 1 : 0); // prettier-ignore
      return isScore ? out.fill(score) : out;
    };
    return { name, dtype: "F32", shape, bytes: () => fromFloat32(values(), "F32") };
  });
}
