import { Command, Option } from "commander";
import { basename } from "node:path";
import type { CheckpointSummary } from "../inspect/checkpointSummary.js";
import type { FloatDType } from "../weights/convert.node.js";
import { UsageError } from "./errors.js";
import { megabytes, names, thousands } from "./format.js";
import { Progress } from "./progress.js";

interface ConvertFlags {
  readonly dtype?: FloatDType;
  readonly names: "original" | "huggingface";
  readonly json?: boolean;
}

/** `medsam convert`: any checkpoint to safetensors. */
export function convertCommand(signal: AbortSignal): Command {
  return new Command("convert")
    .summary("a checkpoint to safetensors")
    .description(
      "Writes a checkpoint of SAM, MedSAM, SAM 2.1 or MedSAM2 (.pth, Hugging Face, safetensors) as safetensors under the original " +
        "names or Hugging Face's, and says what was renamed, missing and unexpected. Nothing in a .pth is executed.",
    )
    .argument(
      "<in>",
      "checkpoint: .pth, .safetensors, a .safetensors.index.json, or weights that medsam download knows",
    )
    .argument("<out>", "file to write: .safetensors")
    .addOption(
      new Option("--dtype <type>", "type of the floating-point tensors (default: as they are)").choices([
        "F32",
        "F16",
        "BF16",
      ]),
    )
    .addOption(
      new Option("--names <whose>", "names of the original package, or of transformers' class")
        .choices(["original", "huggingface"])
        .default("original"),
    )
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  MedSAM's published weights, byte for byte the same values:
    $ medsam convert medsam_vit_b.pth medsam_vit_b.safetensors
  The same in half the size:
    $ medsam convert medsam_vit_b.pth medsam_vit_b_f16.safetensors --dtype F16
  What \`medsam finetune\` made, for transformers:
    $ medsam convert run/best.safetensors model.safetensors --names huggingface`,
    )
    .action((input: string, output: string, flags: ConvertFlags) => convert(input, output, flags, signal));
}

async function convert(
  source: string,
  output: string,
  { dtype, names: whose, json }: ConvertFlags,
  signal: AbortSignal,
): Promise<void> {
  if (!output.endsWith(".safetensors"))
    throw new UsageError(`${output}: expected a name that ends in .safetensors, the format that is written`);
  const { convertCheckpoint } = await import("../weights/convert.node.js");
  const { hashFile, openCheckpointFile } = await import("../weights/open.node.js");
  const { localWeights } = await import("./localWeights.js");
  const { recogniseFile } = await import("./recogniseFile.js");

  const { path: input, name } = await localWeights(source, { signal });

  const file = openCheckpointFile(input);
  let model: CheckpointSummary;
  try {
    model = await recogniseFile(file);
  } finally {
    file.close();
  }
  const progress = new Progress(`converting ${name}`);
  const onProgress = (share: number) => progress.update(share);
  const report = convertCheckpoint(input, output, {
    ...(dtype !== undefined && { dtype }),
    ...{ names: whose, onProgress },
  });
  progress.stop();
  const incomplete = model.missing.length + model.misshapen.length;
  if (incomplete > 0) {
    console.error(`medsam: ${output}: was written, but ${incomplete} tensors that the model needs are missing or of another shape`); // prettier-ignore
    process.exitCode = 1;
  }
  if (json) {
    const files = { input: name, output: basename(output), sha256: await hashFile(output) };
    console.log(JSON.stringify({ ...files, ...report, model }, null, 2));
    return;
  }
  const { tensors, parameters, bytes, renamed, dropped } = report;
  console.log(`${output}: ${tensors} tensors, ${thousands(parameters)} values, ${megabytes(bytes)}`);
  console.log(`  renamed: ${names(renamed.map(([from, to]) => `${from} to ${to}`))}`);
  console.log(`  left out: ${names(dropped)}`);
  printFit(model);
}

function printFit(model: CheckpointSummary): void {
  console.log(`  recognised: ${model.name}`);
  for (const line of model.assumed) console.log(`  assumed: ${line}`);
  console.log(`  missing: ${names(model.missing)}`);
  if (model.misshapen.length > 0) console.log(`  of another shape: ${names(model.misshapen)}`);
  console.log(`  unexpected: ${names(model.unexpected)}`);
}
