import { findPreset } from "../predictor/presetTable.js";
import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { intensityPreset } from "../image/intensity.js";
import { messageOf, UsageError } from "./errors.js";
import { columns, thousands } from "./format.js";
import { openModel } from "./openModel.js";
import { openPredictor, type ImageOptions } from "./openPredictor.js";
import { Progress } from "./progress.js";
import { assertMayOverwrite } from "./resultFiles.js";
import { outputFiles } from "./segmentFiles.js";
import { segmentImage, type SegmentResult } from "./segmentImage.js";
import type { Collected, PromptOptions, SegmentJob } from "./segmentJobs.js";
import { assertMultimask } from "./severalMasks.js";
import { settingsText } from "./settingsText.js";
import { skippedLine } from "./skipped.js";

/** The options of `medsam segment`. */
export interface SegmentOptions extends PromptOptions, ImageOptions {
  readonly checkpoint?: string;
  readonly backend: BackendName | "auto";
  readonly imageSize?: number;
  readonly out: string;
  readonly json?: boolean;
}

interface Failure {
  readonly image: string;
  readonly error: string;
}

/** Segments all images, one after the other. One that fails does not keep the others from being done, unless `strict`. */
export async function runSegment(
  { jobs, badRows }: Collected<SegmentJob>,
  options: SegmentOptions,
  signal: AbortSignal,
): Promise<void> {
  assertPreset(options);
  for (const job of jobs) assertMayOverwrite({ ...outputFiles(job, options.out) }, "segment");
  await assertMultimask(options);

  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(options.checkpoint, { ...options, signal });
  const { predictor, settings } = openPredictor(model, { ...options, checkpoint, backend });
  const progress = new Progress("segmenting");
  const { out, strict = false } = options;
  const results: SegmentResult[] = [];
  const skipped: string[] = [...badRows];
  const failed: Failure[] = [];
  try {
    for (const [index, job] of jobs.entries()) {
      const onProgress = (share: number) => progress.update((index + share) / jobs.length, job.image);
      try {
        const result = await segmentImage(predictor, job, { settings, out, strict, signal, onProgress });
        results.push(result);
        skipped.push(...result.skipped.map((one) => `${job.image}: ${skippedLine(one, job.table)}`));
      } catch (error) {
        signal.throwIfAborted();
        failed.push({ image: job.image, error: messageOf(error) });
        if (strict) break;
      }
    }
  } finally {
    progress.stop();
    await predictor.dispose();
    model.dispose();
  }
  if (options.json) console.log(JSON.stringify({ results, failed, badRows }, null, 2));
  else results.forEach(printResult);
  for (const warning of results.flatMap(({ warnings }) => warnings)) console.error(`medsam: ${warning}`);
  for (const line of skipped) console.error(`medsam: ${line}`);
  for (const { image, error } of failed) console.error(`medsam: ${named(image, error)}`);
  const undone = jobs.length - results.length - failed.length;
  if (undone > 0) console.error(`medsam: stopped there, as --strict says; images not begun: ${undone}`);
  if (!options.json && results.length > 0) console.log(settingsText(settings));
  if (failed.length > 0 || skipped.length > 0) process.exitCode = 1;
}

/** Before the weights are opened, which may take long. @throws UsageError for names that there are not. */
export function assertPreset({ preset, intensity }: Pick<SegmentOptions, "preset" | "intensity">): void {
  try {
    if (preset !== undefined) findPreset(preset);
    if (intensity !== undefined) intensityPreset(intensity);
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function printResult({ image, objects, files }: SegmentResult): void {
  console.log(`${image.file}, ${image.width} x ${image.height} pixels`);
  for (const { value, label, pixels } of objects) {
    const name = label === undefined ? "" : ` (${label})`;
    console.log(
      `  object ${value}${name}: ${pixels === 0 ? "nothing found" : `${thousands(pixels)} pixels`}`,
    );
  }
  const rows = [
    [`  ${files.overlay}`, "to look at"],
    [`  ${files.mask}`, "0 and 255"],
    [`  ${files.labels}`, "object k has the value k"],
    [`  ${files.json}`, "numbers, and how to make it again"],
  ];
  console.log(columns(rows));
}

/** An error message that begins with the image it is about. */
function named(image: string, message: string): string {
  return message.startsWith(`${image}:`) ? message : `${image}: ${message}`;
}
