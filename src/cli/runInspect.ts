import { statSync } from "node:fs";
import { basename } from "node:path";
import type { CheckpointSummary } from "../inspect/checkpointSummary.js";
import { compareCheckpoints } from "../inspect/compareCheckpoints.js";
import { summariseConfig, type ModelSummary } from "../inspect/modelSummary.js";
import { weightStatistics, type WeightStatistics } from "../inspect/weightStatistics.js";
import { matchAllGlobs } from "../layers/glob.js";
import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { CheckpointError, sizeOf, type Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";
import { toFloat32 } from "../weights/numbers.js";
import { openCheckpointFile } from "../weights/open.node.js";
import { messageOf, UsageError } from "./errors.js";
import { columns, megabytes, names, short, thousands } from "./format.js";
import { localWeights } from "./localWeights.js";
import { Progress } from "./progress.js";
import { recogniseFile } from "./recogniseFile.js";

/** The options of `medsam inspect`. */
export interface InspectOptions {
  /** A pattern, or true for all. */
  readonly weights?: string | true;
  readonly against?: string;
  readonly json?: boolean;
}

/** @throws CheckpointError when a file is no checkpoint; UsageError for a pattern that matches nothing. */
export async function runInspect(
  source = EMBEDDED_CHECKPOINT,
  options: InspectOptions,
  signal?: AbortSignal,
): Promise<void> {
  if (options.weights !== undefined && options.against !== undefined)
    throw new UsageError("--weights and --against are two questions; ask one");
  const open = async (weights: string) =>
    openCheckpointFile((await localWeights(weights, { ...(signal && { signal }) })).path);
  const file = await open(source);
  try {
    if (options.against !== undefined) inspectAgainst(file, await open(options.against), options);
    else if (options.weights !== undefined) inspectWeights(file, options.weights, options);
    else await inspectModel(file, options);
  } finally {
    file.close();
  }
}

async function inspectModel(file: Checkpoint, { json }: InspectOptions): Promise<void> {
  const { tensors, metadata, source } = file;
  const found = await recogniseFile(file).catch((error: unknown) => {
    if (!(error instanceof CheckpointError)) throw error;
    return error;
  });
  const model = found instanceof CheckpointError ? undefined : found;
  const summary = model && summariseConfig(model.config);
  if (json) {
    const list = Object.fromEntries(tensors);
    const document = { file: basename(source), metadata, tensors: list, model: model ?? null, ...summary };
    console.log(JSON.stringify(document, null, 2));
    return;
  }
  if (summary !== undefined) console.log(treeOf(summary));
  else console.log(columns([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shapeText(shape)])));
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  console.log(
    `\n${source}: ${tensors.size} tensors, ${thousands(values)} values, ${megabytes(statSync(source).size)}`,
  );
  if (found instanceof CheckpointError) console.log(found.message);
  else printModel(found);
}

/** Layers, each with the values inside it that a trace can name. */
function treeOf({ layers, values }: ModelSummary): string {
  const paths = new Set(layers.map(({ path }) => path));
  const rows = layers.flatMap(({ path, layer, shape, parameters, multiplyAdds, outputBytes, peakBytes }) => {
    const inside = values.filter((value) => !paths.has(value.path) && parentOf(value.path) === path);
    return [
      [
        path === "" ? "(model)" : path,
        layer,
        shape === undefined ? "" : shapeText(shape),
        parameters === 0 ? "" : thousands(parameters),
        multiplyAdds === 0 ? "" : short(multiplyAdds),
        outputBytes === 0 ? "" : short(outputBytes, "B"),
        peakBytes === 0 ? "" : short(peakBytes, "B"),
      ],
      ...inside.map((value) => [
        value.path,
        "·",
        shapeText(value.shape),
        "",
        "",
        short(4 * sizeOf(value.shape), "B"),
        "",
      ]),
    ];
  });
  const head = ["path", "layer", "output", "parameters", "multiply-adds", "memory", "peak"];
  return columns([head, ...rows], ["left", "left", "left", "right", "right", "right", "right"]);
}

const parentOf = (path: string) => path.split(".").slice(0, -1).join(".");
const shapeText = (shape: readonly number[]) => `[${shape.join(", ")}]`;

function printModel(model: CheckpointSummary): void {
  const { name, title, assumed, config, parts, missing, misshapen, unexpected } = model;
  const { imageSize, patchSize, promptEmbedDim, imageEncoder } = config;
  const sizes = Object.entries({ imageSize, patchSize, promptEmbedDim, ...imageEncoder });
  console.log(
    `\n${title}, configuration ${name}\n` +
      columns(sizes.map(([key, value]) => [`  ${key}`, [value].flat().join(", ")])),
  );
  for (const line of assumed) console.log(`  assumed: ${line}`);
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

function inspectWeights(file: Checkpoint, asked: string | true, { json }: InspectOptions): void {
  const { checkpoint } = normaliseKeys(file);
  const { tensors } = checkpoint;
  const paths = matching(asked === true ? "**" : asked, [...tensors.keys()]);
  const progress = new Progress("reading");
  const found = new Map<string, WeightStatistics>();
  try {
    for (const [index, path] of paths.entries()) {
      progress.update(index / paths.length, path);
      found.set(path, weightStatistics(toFloat32(checkpoint.readBytes(path), tensors.get(path)!.dtype)));
    }
  } finally {
    progress.stop();
  }
  if (json) {
    const weights = [...found].map(([path, statistics]) => [path, { ...tensors.get(path), ...statistics }]);
    const document = { file: basename(file.source), weights: Object.fromEntries(weights) as unknown };
    console.log(JSON.stringify(document, null, 2));
    return;
  }
  const rows = [...found].map(([path, { mean, standardDeviation, least, most, notFinite, histogram }]) => [
    path,
    tensors.get(path)!.dtype,
    shapeText(tensors.get(path)!.shape),
    ...[mean, standardDeviation, least, most].map((value) => value.toPrecision(3)),
    `${bars(histogram)}${notFinite > 0 ? ` ${notFinite} not finite` : ""}`,
  ]);
  const head = ["tensor", "type", "shape", "mean", "deviation", "least", "most", "from least to most"];
  console.log(columns([head, ...rows], [...LEFT, "right", "right", "right", "right", "left"]));
}

const LEFT = ["left", "left", "left"] as const;

function matching(pattern: string, paths: readonly string[]): string[] {
  try {
    return matchAllGlobs([pattern], paths, "tensor");
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** A histogram as one line, two steps a character. */
function bars(histogram: readonly number[]): string {
  const pairs = Array.from({ length: Math.ceil(histogram.length / 2) }, (_, n) =>
    histogram.slice(2 * n, 2 * n + 2).reduce((sum, count) => sum + count, 0),
  );
  const most = Math.max(...pairs);
  return pairs.map((count) => (count === 0 ? " " : "▁▂▃▄▅▆▇█"[Math.ceil((8 * count) / most) - 1])).join("");
}

function inspectAgainst(file: Checkpoint, other: Checkpoint, { json }: InspectOptions): void {
  const progress = new Progress("comparing");
  try {
    const [first, second] = [file, other].map((each) => normaliseKeys(each).checkpoint);
    const found = compareCheckpoints(first, second, (share) => progress.update(share));
    progress.stop();
    const { same, different, misshapen, onlyInFirst, onlyInSecond } = found;
    if (json) {
      const document = { file: basename(file.source), against: basename(other.source), ...found };
      console.log(JSON.stringify(document, null, 2));
      return;
    }
    const rows = different.map(({ path: name, shape, largest, relative, changed }) => [
      name,
      shapeText(shape),
      largest.toExponential(1),
      `${(100 * relative).toPrecision(2)} %`,
      `${thousands(changed)} of ${thousands(sizeOf(shape))}`,
    ]);
    const head = ["tensor", "shape", "largest", "relative", "values changed"];
    if (rows.length > 0)
      console.log(`${columns([head, ...rows], ["left", "left", "right", "right", "right"])}\n`);
    console.log(`${different.length} tensors differ, ${same.length} are the same`);
    for (const each of misshapen)
      console.log(`of another shape: ${each.path}, ${shapeText(each.first)} and ${shapeText(each.second)}`);
    if (onlyInFirst.length > 0) console.log(`only in ${file.source}: ${names(onlyInFirst)}`);
    if (onlyInSecond.length > 0) console.log(`only in ${other.source}: ${names(onlyInSecond)}`);
  } finally {
    progress.stop();
    other.close();
  }
}
