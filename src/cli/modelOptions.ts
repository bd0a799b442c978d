import { Option, type Command } from "commander";
import type { BackendName } from "../backend/useBackend.js";
import { parseCrop } from "./prompts.js";
import { wholeNumber } from "./synthesize.js";

// What several commands take, said once.

// Named here too, so that help is shown without loading TensorFlow.js.
const BACKENDS = ["auto", "tensorflow", "webgpu", "wasm", "cpu"] satisfies (BackendName | "auto")[];

export const checkpointOption = (
  what = "a .pth or .safetensors file, a name of medsam download, or hf:OWNER/REPOSITORY (default: the small ones in the package)",
) => new Option("--checkpoint <weights>", what);

export const imageSizeOption = () =>
  wholeNumber(
    "--image-size <n>",
    "side of the square that images become, for SAM 2.1 and MedSAM2 (default: 512 for MedSAM2)",
    1,
  );

export const backendOption = () =>
  new Option("--backend <name>", "what computes; auto takes the first that starts here")
    .choices(BACKENDS)
    .default("auto");

export const cropOption = () =>
  new Option(
    "--crop <factor>",
    "show the model a square around each box, of so many times its longer side; 0 shows the whole image " +
      "(default: the preset's: 2 for the weights in the package, else 0)",
  ).argParser(parseCrop);

export const followOption = () =>
  new Option(
    "--follow <how>",
    "objects in volumes: by the model's memory of the slices before, or by a box around the last mask (default: memory for the weights that have one)",
  ).choices(["box", "memory"]);

export const strictOption = () =>
  new Option("--strict", "stop at the first row or image that cannot be used, instead of skipping it");

/** What decides how the masks of images look, beside the prompts: see `medsam segment`. */
export function addImageOptions(command: Command): Command {
  return command
    .addOption(checkpointOption())
    .addOption(imageSizeOption())
    .option(
      "--preset <name>",
      "what is done to images before and masks after (default: what belongs to the weights)",
    )
    .option("--intensity <name>", "how values become 0..255, such as ct-soft-tissue (default: the preset's)")
    .addOption(cropOption())
    .option(
      "--multimask",
      "decode three candidates an object and take the one scored best; for weights that learnt several, as SAM's",
    );
}
