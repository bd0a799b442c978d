import { join } from "node:path";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import { ROOT } from "./medsam.js";

/** Writes the weights in the package as a file that says that they learnt to give several masks. @returns its path. */
export function severalMaskWeights(folder: string): string {
  const path = join(folder, "several.safetensors");
  const file = openCheckpointFile(join(ROOT, "models", "medsam-tiny.safetensors"));
  const tensors = [...file.tensors].map(([name, info]) => ({ name, ...info, bytes: () => file.readBytes(name) })); // prettier-ignore
  saveSafetensors(path, tensors, { multimask: "true" });
  file.close();
  return path;
}
