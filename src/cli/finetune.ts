import { Command, InvalidArgumentError, Option } from "commander";
import type { ScheduleChoice } from "../train/settings.js";
import type { FinetuneOptions } from "./runFinetune.js";
import { backendOption, cropOption } from "./modelOptions.js";
import { wholeNumber } from "./synthesize.js";

/** `medsam finetune`: trains on images and masks. */
export function finetuneCommand(signal: AbortSignal): Command {
  return new Command("finetune")
    .summary("train on your own images and masks")
    .description(
      "Trains MedSAM on images and masks, by MedSAM's own recipe. DATA is a folder with images/ and labels/ (PNG, " +
        "TIFF, JPEG, NIfTI, NRRD, MetaImage, DICOM), NAME.png beside NAME_mask.png, MedSAM's npy or npz files, or a table (CSV or " +
        "JSON) of image and labels. The run's folder gets report.html (curves and pictures, kept up to date), " +
        "metrics.jsonl, and checkpoints that medsam segment and PyTorch load.",
    )
    .argument("<data>", "folder, table or .npz")
    .option("--out <folder>", "the run's folder", "run")
    .option(
      "--checkpoint <weights>",
      "weights to start from, as for medsam segment (default: the small ones in the package)",
    )
    .option(
      "--train <what>",
      "decoder, encoder+decoder (MedSAM's recipe), lora, all, or patterns of state_dict paths with commas between",
      "decoder",
    )
    .addOption(wholeNumber("--steps <n>", "how many steps (default: 300)", 1).conflicts("epochs"))
    .addOption(wholeNumber("--epochs <n>", "how many times through the data, instead of --steps", 1))
    .addOption(wholeNumber("--batch <n>", "images a step", 1).default(4))
    .addOption(
      wholeNumber("--objects-per-image <n>", "objects of an image that a step learns from", 1).default(2),
    )
    .addOption(
      wholeNumber("--accumulate <n>", "batches whose gradients make one step together", 1).default(1),
    )
    .addOption(
      new Option(
        "--prompts <kind>",
        "what the model is shown: boxes; points; or either, drawn a batch, as SAM",
      )
        .choices(["box", "point", "either"])
        .default("box"),
    )
    .addOption(
      wholeNumber("--jitter <pixels>", "how far the sides of a box may move outwards, of 1024", 0).default(
        20,
      ),
    )
    .option("--flips", "mirror images at random, left to right and top to bottom", false)
    .addOption(positive("--learning-rate <x>", "of AdamW; MedSAM's is 1e-4").default(3e-4))
    .addOption(
      new Option(
        "--schedule <name>",
        "constant; cosine, down to nothing; or STEPS:FACTOR, multiplied at intervals",
      )
        .argParser(parseSchedule)
        .default("constant"),
    )
    .addOption(wholeNumber("--warm-up <n>", "steps in which the learning rate rises first", 0).default(0))
    .addOption(positive("--clip <norm>", "scale larger gradients down to this norm, all taken together"))
    .addOption(
      new Option("--loss <name>", "medsam: Dice and cross-entropy; sam: focal, Dice and the score's error")
        .choices(["medsam", "sam"])
        .default("medsam"),
    )
    .addOption(wholeNumber("--lora-rank <n>", "with --train lora: size of the adapters", 1).default(4))
    .addOption(
      new Option("--objects <rule>", "what is one object: all of a label, or each connected piece of it")
        .choices(["labels", "components"])
        .default("labels"),
    )
    .option(
      "--validation <share or data>",
      "share of patients or volumes kept to validate with, or a data set of its own",
      "0.1",
    )
    .addOption(wholeNumber("--validate-every <n>", "steps; checkpoints too (default: a tenth of the run)", 1))
    .addOption(wholeNumber("--keep-every <n>", "keep the weights of every so many steps too", 1))
    .option("--preset <name>", "what is done to images, as in medsam segment (default: the weights' own)")
    .option("--intensity <name>", "how values become 0..255, such as ct-soft-tissue")
    .addOption(cropOption())
    .option("--resume", "go on with the run in --out, bit for bit as if it had never stopped")
    .option("--strict", "stop at the first file that cannot be used, rather than leave it out")
    .addOption(wholeNumber("--seed <n>", "another seed, another run", 0).default(0))
    .addOption(backendOption())
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  Try it on generated pictures:
    $ medsam synthesize --out rings --count 200 --domain rings --size 128
    $ medsam finetune rings --out run --learning-rate 1e-3
    $ medsam segment rings/images/0000.png --box 20,20,90,90 --checkpoint run/best.safetensors
  MedSAM's weights, the decoder only: the encoder's work is done once and kept on disk:
    $ medsam finetune data --checkpoint medsam_vit_b.pth --epochs 20
  MedSAM's own recipe (needs the native backend, and a GPU to be quick):
    $ medsam finetune data --checkpoint medsam_vit_b.pth --train encoder+decoder --batch 2 --objects-per-image 1 --learning-rate 1e-4
  Small objects in large images, as medsam segment --crop 2 will show them to the model:
    $ medsam finetune data --checkpoint medsam_vit_b.pth --crop 2 --out cropped
  Go on after Ctrl-C or a crash:
    $ medsam finetune data --out run --resume

Ctrl-C saves and stops; again stops at once. The guide is docs/fine-tune.md.
Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted and saved.
Results are not for clinical use.`,
    )
    .action(async (data: string, options: FinetuneOptions) => {
      const { runFinetune } = await import("./runFinetune.js");
      await runFinetune(data, options, signal);
    });
}

function parseSchedule(text: string): ScheduleChoice {
  if (text === "constant" || text === "cosine") return text;
  const [, every, gamma] = /^(\d+):([\d.]+)$/.exec(text) ?? [];
  if (!(Number(every) >= 1 && Number(gamma) > 0))
    throw new InvalidArgumentError("Expected constant, cosine, or STEPS:FACTOR such as 1000:0.1.");
  return { every: Number(every), gamma: Number(gamma) };
}

function positive(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value > 0) || !Number.isFinite(value))
      throw new InvalidArgumentError("Expected a positive number.");
    return value;
  });
}
