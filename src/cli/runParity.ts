import { basename } from "node:path";
import { NODE_BACKENDS, probeBackend } from "../backend/doctor.node.js";
import { useBackend, type BackendName } from "../backend/useBackend.node.js";
import { writeFileAtomic } from "../image/encode.node.js";
import type { Comparison } from "../inspect/compare.js";
import {
  compareWithReference,
  GPU_PARITY_TOLERANCE,
  PARITY_TOLERANCE,
  worstByPart,
  type ParityResult,
} from "../inspect/parity.js";
import { parityReport } from "../inspect/parityReport.js";
import { openReference, type ParityReference } from "../inspect/reference.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { defaultPreset, prepareImage } from "../predictor/presetTable.js";
import { imagePredictor } from "../predictor/imagePredictor.js";
import type { Box } from "../predictor/types.js";
import { openCheckpointFile } from "../weights/open.node.js";
import { messageOf, UsageError } from "./errors.js";
import { columns } from "./format.js";
import { openModel } from "./openModel.js";
import { compareTraining } from "./parityTraining.js";
import { Progress } from "./progress.js";

/** The options of `medsam parity`. */
export interface ParityOptions {
  readonly reference?: string;
  readonly checkpoint?: string;
  readonly backend?: readonly BackendName[];
  readonly report?: string;
  readonly json?: boolean;
}

/** @throws CheckpointError when reference or checkpoint cannot be read, or do not belong together. */
export async function runParity(options: ParityOptions, signal: AbortSignal): Promise<void> {
  if (options.reference === undefined) return checkBackends(options, signal);
  const file = openCheckpointFile(options.reference);
  try {
    const reference = openReference(file);
    const results = await compareBackends(reference, options, signal);
    if (results.size === 0) throw new Error("no backend started; see: medsam doctor");
    const names = {
      checkpoint: basename(options.checkpoint ?? "medsam-tiny.safetensors"),
      reference: basename(options.reference),
    };
    const report = options.report ?? "parity.html";
    await writeFileAtomic(report, parityReport({ ...names, torch: reference.torch, results }));
    if (options.json)
      console.log(
        JSON.stringify({ ...names, torch: reference.torch, results: Object.fromEntries(results) }, null, 2),
      );
    else printResults(results, reference, report);
    if ([...results.values()].some(({ firstToDepart }) => firstToDepart !== undefined)) process.exitCode = 1;
  } finally {
    file.close();
  }
}

async function compareBackends(
  reference: ParityReference,
  { checkpoint, backend }: ParityOptions,
  signal: AbortSignal,
): Promise<Map<BackendName, ParityResult>> {
  const results = new Map<BackendName, ParityResult>();
  // Plain JavaScript takes an hour for ViT-B: only when it is asked for.
  for (const name of backend ?? NODE_BACKENDS.filter((each) => each !== "cpu")) {
    try {
      // Not the self-test: the comparison itself is to tell.
      await useBackend(name, { verify: false });
    } catch (error) {
      if (backend !== undefined) throw error;
      console.error(`medsam: backend ${name} is left out: ${messageOf(error)}`);
      continue;
    }
    const { model } = await openModel(checkpoint, { signal });
    const progress = new Progress(`comparing on ${name}`);
    try {
      const tolerance = name === "webgpu" || name === "webgl" ? GPU_PARITY_TOLERANCE : PARITY_TOLERANCE;
      const run = () => predict(model, reference, signal, (share) => progress.update(share));
      const result = await compareWithReference(model, reference, tolerance, run);
      const onStep = (share: number) => progress.update(share, `training on ${name}`);
      const steps = await trained(name, model, reference, signal, onStep);
      const rows = [...result.rows, ...steps];
      results.set(name, { rows, firstToDepart: rows.find(({ ok }) => !ok) });
    } finally {
      progress.stop();
      model.dispose();
    }
  }
  return results;
}

/** The recorded training, where there is one. */
async function trained(
  backend: BackendName,
  model: PromptableModel,
  reference: ParityReference,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<Comparison[]> {
  const { train } = reference;
  if (train === undefined) return [];
  if (backend === "wasm" && train.part !== "decoder") {
    // TensorFlow.js has no gradient of convolutions there.
    console.error(`medsam: ${train.part} cannot train on wasm: its gradients and steps are not compared`);
    return [];
  }
  return compareTraining(model, reference, train, signal, onProgress);
}

/** The whole way from the reference's pixels to maps of the image's size, as the model's own inference script. */
async function predict(
  model: PromptableModel,
  reference: ParityReference,
  signal: AbortSignal,
  onProgress: (share: number) => void,
) {
  const pixels = reference.read("input.pixels");
  const [height, width] = pixels.shape;
  const image = { width, height, channels: 3, data: Uint8Array.from(pixels.values) } as const;
  const { imageSize: side } = model.config;
  const preset = defaultPreset(model.config);
  const prepared = prepareImage(preset, image, side).pixels;
  const planes = Float32Array.from(
    prepared,
    (_, n) => prepared[(n % side ** 2) * 3 + Math.floor(n / side ** 2)],
  );

  // The reference is of whole images.
  const predictor = imagePredictor(model, { preset, crop: 0 });
  try {
    await predictor.setImage(image, { signal, onProgress });
    const boxes = reference.read("input.boxes");
    const [count] = boxes.shape;
    const list = Array.from(
      { length: count },
      (_, n) => [...boxes.values.slice(4 * n, 4 * n + 4)] as unknown as Box,
    );
    const predictions = await predictor.predictBoxes(list, {
      ...{ returnLogits: true, multimaskOutput: false, signal },
    });
    const maps = new Float32Array(count * height * width);
    // As probabilities: MedSAM thresholds those, and LiteMedSAM's logits are recorded so.
    for (const [n, { logits }] of predictions.entries())
      maps.set(
        (logits?.[0].data ?? new Float32Array()).map((value) => 1 / (1 + Math.exp(-value))),
        n * height * width,
      );
    return new Map([
      ["input.image", { shape: [1, 3, side, side], values: planes }],
      ["expected.maps", { shape: [count, 1, height, width], values: maps }],
    ] as const);
  } finally {
    await predictor.dispose();
  }
}

function printResults(
  results: ReadonlyMap<BackendName, ParityResult>,
  { torch, source, config }: ParityReference,
  report: string,
): void {
  for (const [name, { rows, firstToDepart }] of results) {
    console.log(`${name}, against PyTorch ${torch} (${basename(source)})\n`);
    const lines = [...worstByPart(config, rows)].map(([part, { largest, relative, allowed, ok }]) => [
      `  ${part}`,
      largest.toExponential(1),
      relative.toExponential(1),
      allowed.toExponential(1),
      ok ? "ok" : "DEPARTS",
    ]);
    console.log(columns([["  module", "difference", "relative", "allowed", ""], ...lines]));
    const failed = rows.filter(({ ok }) => !ok).length;
    if (firstToDepart === undefined) console.log(`\n  all ${rows.length} values are within tolerance\n`);
    else
      console.log(
        `\n  ${failed} of ${rows.length} values depart; the first is ${firstToDepart.name}:\n  ${firstToDepart.detail}\n`,
      );
  }
  console.log(`${report}: every value, and the error over depth`);
}

/** The package's own golden values, on each backend in a process of its own. */
async function checkBackends(
  { backend, checkpoint, report, json }: ParityOptions,
  signal: AbortSignal,
): Promise<void> {
  if (checkpoint !== undefined || report !== undefined)
    throw new UsageError(
      "--checkpoint and --report belong to --reference; record one with tools/convert/reference.py",
    );
  const probes = [];
  for (const name of backend ?? NODE_BACKENDS) probes.push(await probeBackend(name, signal));
  if (json) console.log(JSON.stringify(probes, null, 2));
  else
    for (const probe of probes) {
      if ("reason" in probe) {
        console.log(`${probe.name}: ${probe.reason}\n`);
        continue;
      }
      console.log(`${probe.name} on ${probe.device}, against the package's golden values\n`);
      const lines = probe.rows.map(({ path, difference, ok }) => [
        `  ${path}`,
        difference.toExponential(1),
        ok ? "ok" : "DEPARTS",
      ]);
      console.log(`${columns([["  module", "relative", ""], ...lines])}\n`);
    }
  const asked = backend !== undefined;
  const wrong = probes.some((probe) => ("reason" in probe ? asked : probe.rows.some(({ ok }) => !ok)));
  if (wrong || probes.every((probe) => "reason" in probe)) process.exitCode = 1;
}
