import { Command } from "commander";
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { CheckpointSummary } from "../inspect/checkpointSummary.js";
import { sizeOf } from "../weights/checkpoint.js";
import { columns, megabytes, names, thousands } from "./format.js";

/** `medsam inspect`: what a checkpoint holds. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .summary("what a checkpoint holds")
    .description(
      "Lists the tensors of a checkpoint (name, type, PyTorch's shape). For a SAM or MedSAM it adds the " +
        "configuration, the parameters of each part, and what is missing or unexpected. Only headers are read.",
    )
    .argument("<file>", "checkpoint: .pth, .safetensors or a .safetensors.index.json")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  $ medsam inspect medsam_vit_b.pth
  $ medsam inspect medsam_vit_b.pth | grep rel_pos`,
    )
    .action(inspect);
}

async function inspect(path: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { summariseFile } = await import("./summariseFile.js");
  const { tensors, metadata, model } = await summariseFile(path);
  if (json) {
    const list = Object.fromEntries(tensors);
    console.log(
      JSON.stringify({ file: basename(path), metadata, tensors: list, model: model ?? null }, null, 2),
    );
    return;
  }
  const rows = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, `[${shape.join(", ")}]`]);
  console.log(columns(rows));
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const size = megabytes(statSync(path).size);
  console.log(`\n${path}: ${tensors.size} tensors, ${thousands(values)} values, ${size}`);
  if (model === undefined) console.log("not recognised as a SAM or MedSAM");
  else printModel(model);
}

function printModel({ name, config, parts, missing, misshapen, unexpected }: CheckpointSummary): void {
  const { imageSize, patchSize, promptEmbedDim, imageEncoder } = config;
  const sizes = Object.entries({ imageSize, patchSize, promptEmbedDim, ...imageEncoder });
  console.log(
    `\nSAM, configuration ${name}\n` +
      columns(sizes.map(([key, value]) => [`  ${key}`, [value].flat().join(", ")])),
  );
  const counts = parts.map(({ path, tensors, parameters }) => [
    `  ${path}`,
    `${tensors} tensors`,
    `${thousands(parameters)} parameters`,
  ]);
  console.log(`\n${columns(counts)}\n`);
  console.log(`  missing: ${names(missing)}`);
  if (misshapen.length > 0) console.log(`  of another shape: ${names(misshapen)}`);
  console.log(`  unexpected: ${names(unexpected)}`);
}
