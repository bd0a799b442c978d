import { Command, Option } from "commander";
import type { ParityOptions } from "./runParity.js";

// Named here too, so that help is shown without loading TensorFlow.js.
const BACKENDS = ["tensorflow", "webgpu", "wasm", "cpu"];

/** `medsam parity`: the same numbers as PyTorch, module by module. */
export function parityCommand(signal: AbortSignal): Command {
  return new Command("parity")
    .summary("whether the numbers are PyTorch's, module by module")
    .description(
      "Compares every module's output with what PyTorch recorded from your own weights and image, on one or more " +
        "backends, and names the first module that departs. Without --reference it compares this computer's " +
        "backends with the golden values of the checkpoint in the package.",
    )
    .option("--reference <file>", "what tools/convert/reference.py recorded")
    .option(
      "--checkpoint <file>",
      "the weights that PyTorch had, .pth or .safetensors (default: the package's)",
    )
    .addOption(
      new Option(
        "--backend <name...>",
        "what computes; several are compared side by side (default: all that start)",
      ).choices(BACKENDS),
    )
    .option(
      "--report <file>",
      "the page with every value and a plot of the error over depth, with --reference (default: parity.html)",
    )
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  Do this computer's backends compute the right numbers?
    $ medsam parity
  Record MedSAM in PyTorch, then compare (docs/prove-parity.md):
    $ python tools/convert/reference.py --checkpoint medsam_vit_b.pth --image ct.png --box 95,255,190,350 --out dump.safetensors
    $ medsam parity --reference dump.safetensors --checkpoint medsam_vit_b.pth --backend tensorflow wasm
  Gradients and ten steps of AdamW too:
    $ python tools/convert/reference.py --checkpoint medsam_vit_b.pth --image ct.png --box 95,255,190,350 --train decoder --out dump.safetensors

Exit codes: 0 all within tolerance, 1 something departs or failed, 2 wrong use.`,
    )
    .action(async (options: ParityOptions) => {
      const { runParity } = await import("./runParity.js");
      await runParity(options, signal);
    });
}
