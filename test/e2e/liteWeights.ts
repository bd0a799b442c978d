import { LITE_MEDSAM } from "../../src/model/config.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import { initialValues, NORMAL } from "../../src/weights/initial.js";
import { fromFloat32 } from "../../src/weights/numbers.js";
import type { TensorToWrite } from "../../src/weights/safetensorsWriter.js";

/** LiteMedSAM's state_dict, counters of batch norms included, with small values from a seed. */
export function liteMedSam(): TensorToWrite[] {
  const tensors = [...parameterShapes(LITE_MEDSAM)].map(([name, shape]): TensorToWrite => {
    const values = () => {
      const isScale = /(running_var|(norm|bn)\.weight)$/.test(name);
      return initialValues(name, shape, NORMAL, 1).map((value) => (isScale ? 1 : value * 0.02));
    };
    return { name, dtype: "F32", shape, bytes: () => fromFloat32(values(), "F32") };
  });
  const counters = tensors
    .filter(({ name }) => name.endsWith("running_var"))
    .map(({ name }): TensorToWrite => {
      const counter = name.replace("running_var", "num_batches_tracked");
      return { name: counter, dtype: "I64", shape: [], bytes: () => new Uint8Array(8) };
    });
  return [...tensors, ...counters];
}
