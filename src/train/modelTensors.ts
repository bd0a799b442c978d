import type { AnyLayer } from "../layers/layer.js";
import { fromFloat32 } from "../weights/numbers.js";
import type { TensorToWrite } from "../weights/safetensorsWriter.js";

/**
 * All parameters and buffers of a model as a checkpoint holds them: state_dict paths, PyTorch's layouts, single
 * precision. Each is read from the device when it is written.
 */
export function modelTensors(model: AnyLayer): TensorToWrite[] {
  return [...model.namedParameters()].map(([name, parameter]) => ({
    name,
    dtype: "F32",
    shape: parameter.shape,
    bytes: () => fromFloat32(parameter.toTorch(), "F32"),
  }));
}
