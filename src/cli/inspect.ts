import { Command } from "commander";
import type { InspectOptions } from "./runInspect.js";

/** `medsam inspect`: a model's tree, and what a checkpoint holds. */
export function inspectCommand(signal: AbortSignal): Command {
  return new Command("inspect")
    .summary("a model's layers, and what a checkpoint holds")
    .description(
      "Prints the tree of a model: for each layer its path, class, output shape, parameters, multiply-adds and " +
        "memory for one image and one box, and between them the named values that medsam trace can give. Then the " +
        "configuration, and what the file lacks or has too much. Only headers are read.",
    )
    .argument(
      "[file]",
      "checkpoint: .pth, .safetensors, a .safetensors.index.json, or weights that medsam download knows (default: the package's)",
    )
    .option(
      "--weights [pattern]",
      "list tensors with statistics and histograms instead; * and ** as in trace",
    )
    .option("--against <file>", "compare with another checkpoint, tensor by tensor, instead")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  $ medsam inspect medsam_vit_b.pth
  Layers of one kind:
    $ medsam inspect medsam_vit_b.pth | grep attn
  The tables of relative positions: type, shape, mean, deviation, range, histogram:
    $ medsam inspect medsam_vit_b.pth --weights 'image_encoder.blocks.*.attn.rel_pos_*'
  What did the training change?
    $ medsam inspect medsam_vit_b.pth --against run/best.safetensors`,
    )
    .action(async (file: string | undefined, options: InspectOptions) => {
      const { runInspect } = await import("./runInspect.js");
      await runInspect(file, options, signal);
    });
}
