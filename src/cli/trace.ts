import { Command, InvalidArgumentError } from "commander";
import { checkpointOption, backendOption, cropOption, imageSizeOption } from "./modelOptions.js";
import { collectBox, collectPoint, parsePoint, parseSlice } from "./prompts.js";
import type { TraceOptions } from "./runTrace.js";
import { collectJobs } from "./segmentJobs.js";

/** `medsam trace`: what happens inside, as numbers and as pictures. */
export function traceCommand(signal: AbortSignal): Command {
  return new Command("trace")
    .summary("what happens inside the model, as numbers and pictures")
    .description(
      "Segments one object and writes what was computed on the way: trace.safetensors with the named values that were " +
        "asked for (PyTorch's names and axes, for NumPy and PyTorch), pictures, and index.html to look at them: feature " +
        "maps of what was tapped, where a query point looks in each head, attention rollout over all blocks, how like " +
        "the query every place of the embedding is, and the decoder's mask, with the candidates of weights that learnt to give several.",
    )
    .argument("<image>", "PNG, JPEG, TIFF, DICOM, NIfTI, NRRD, MetaImage, or MedSAM's .npz")
    .option("--box <x0,y0,x1,y1>", "the box around the object, in pixels", collectBox)
    .option("--point <x,y[,0]>", "a point in the object, or with ,0 outside it; many", collectPoint)
    .option("--slice <k>", "which slice of a volume, counted from 0", parseSlice)
    .option(
      "--tap <pattern>",
      "values to write, such as image_encoder.blocks.*.attn; * is one name, ** any number; many (default: outputs of blocks, encoder and decoder)",
      (text: string, list: readonly string[] = []) => [...list, text],
    )
    .option("--query <x,y>", "the pixel whose attention is shown (default: the box's middle)", parsePoint)
    .option(
      "--query-slice <k>",
      "MedSAM2's weights: follow the object to this slice, and show where the query looks in the slices before",
      parseSlice,
    )
    .addOption(checkpointOption())
    .option("--preset <name>", "what is done to the image before (default: what belongs to the weights)")
    .option("--intensity <name>", "how values become 0..255, such as ct-soft-tissue (default: the preset's)")
    .addOption(cropOption())
    .addOption(imageSizeOption())
    .addOption(backendOption())
    .option("--out <folder>", "where the files go", "trace")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  Pictures of everything, and the outputs of all blocks:
    $ medsam trace slice.png --box 95,255,190,350
  Queries and keys of the second block, for NumPy:
    $ medsam trace slice.png --box 95,255,190,350 --tap image_encoder.blocks.1.attn.q --tap image_encoder.blocks.1.attn.k
    $ python -c "from safetensors.numpy import load_file; print(load_file('trace/trace.safetensors').keys())"
  Where does this pixel look?
    $ medsam trace slice.png --box 95,255,190,350 --query 140,300
  MedSAM2: prompted in slice 20, where does this pixel of slice 24 look in the slices before?
    $ medsam trace ct.nii.gz --checkpoint medsam2 --slice 20 --box 95,255,190,350 --query-slice 24 --query 140,300

The names: medsam inspect (docs/command-line.md).
Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.`,
    )
    .action(async (image: string, options: TraceOptions) => {
      const [job] = collectJobs([image], options).jobs;
      if (job.targets.length > 1)
        throw new InvalidArgumentError("--box: one object is traced at a time; give one box");
      const { querySlice } = options;
      if (querySlice !== undefined) {
        if (options.tap !== undefined || options.crop !== undefined)
          throw new InvalidArgumentError(
            "--query-slice shows the memory alone: it goes without --tap and --crop",
          );
        const { runTraceMemory } = await import("./runTraceMemory.js");
        return runTraceMemory(job, { ...options, querySlice }, signal);
      }
      const { runTrace } = await import("./runTrace.js");
      await runTrace(job, options, signal);
    });
}
