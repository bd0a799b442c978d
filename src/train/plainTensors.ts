import type { AnyLayer } from "../layers/layer.js";
import { LoraLinear } from "../layers/lora.js";
import { fromFloat32 } from "../weights/numbers.js";
import type { TensorToWrite } from "../weights/safetensorsWriter.js";
import { modelTensors } from "./modelTensors.js";

/** As `modelTensors`, with adapters worked into the weights beside them: what any SAM loads. */
export function plainTensors(model: AnyLayer): TensorToWrite[] {
  const adapted = new Map<string, LoraLinear>();
  for (const [path, layer] of model.namedLayers()) if (layer instanceof LoraLinear) adapted.set(path, layer);
  return modelTensors(model).flatMap((tensor): TensorToWrite[] => {
    const layer = (suffix: string) => adapted.get(tensor.name.replace(suffix, ""));
    const isAdapter = [...adapted.keys()].some((path) => tensor.name.startsWith(`${path}.lora.`));
    if (isAdapter) return [];
    const lora = tensor.name.endsWith(".weight") ? layer(".weight") : undefined;
    if (lora === undefined) return [tensor];
    const bytes = () => {
      const merged = lora.merged();
      const values = merged.weight.toTorch().slice();
      merged.dispose();
      return fromFloat32(values, "F32");
    };
    return [{ ...tensor, bytes }];
  });
}
