import { Command, InvalidArgumentError, Option } from "commander";
import type { SynthesizeOptions } from "./runSynthesize.js";

/** `medsam synthesize`: generated training images. */
export function synthesizeCommand(signal: AbortSignal): Command {
  return new Command("synthesize")
    .summary("generated training images with exact labels")
    .description(
      "Generates pictures that look medical, with exact masks, from a seed. Writes images/NNNN.png, " +
        "labels/NNNN.png (object k has the value k) and contact-sheet.html (to look at): a folder that " +
        "medsam finetune takes. The same seed gives the same files.",
    )
    .option("--out <folder>", "where the files go; must be new or empty", "synthetic")
    .addOption(wholeNumber("--count <n>", "how many pictures", 1).default(100))
    .addOption(wholeNumber("--seed <n>", "another seed gives other pictures", 0).default(0))
    .addOption(wholeNumber("--size <pixels>", "side of a picture", 64).default(256))
    .addOption(
      new Option("--domain <name>", "general: objects of all kinds; rings: only walls of hollow ones")
        .choices(["general", "rings"])
        .default("general"),
    )
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  A hundred pictures of all kinds:
    $ medsam synthesize --out synthetic --count 100
  Hollow objects, which the weights in the package do not know, to try fine-tuning on:
    $ medsam synthesize --out rings --count 200 --domain rings --size 128
    $ medsam finetune rings --out run --learning-rate 1e-3

Results are not for clinical use.`,
    )
    .action(async (options: SynthesizeOptions) => {
      const { runSynthesize } = await import("./runSynthesize.js");
      await runSynthesize(options, signal);
    });
}

/** An option that takes a whole number of at least `least`. */
export function wholeNumber(flags: string, description: string, least: number): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value))
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    return value;
  });
}
