import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { useBackend } from "../backend/useBackend.node.js";
import { wholeOf } from "../image/crop.js";
import { encodePng } from "../image/encode.js";
import { writeFileAtomic } from "../image/encode.node.js";
import type { Mask } from "../image/mask.js";
import { drawOverlay } from "../image/overlay.js";
import type { PixelImage } from "../image/pixels.js";
import { heatOver, type Cover } from "../inspect/heatmap.js";
import { lookOfToken, memoryLook, type MemoryLook } from "../inspect/memoryLook.js";
import { placeOnGrid } from "../inspect/place.js";
import { watch } from "../inspect/trace.js";
import { matchGlobs } from "../layers/glob.js";
import { gridSize } from "../model/config.js";
import { buildSam2 } from "../model/load.js";
import { checkPrompt } from "../predictor/checkPrompt.js";
import { remember } from "../predictor/memoryBank.js";
import { findPreset, MEDSAM2_INFER_3D_CT, prepareImage, toEightBit } from "../predictor/presetTable.js";
import { PromptError, type Point, type Prompt } from "../predictor/types.js";
import { Sam2VideoPredictor } from "../predictor/videoPredictor.js";
import { volumeFrames, type Frames } from "../predictor/volume/frames.js";
import { heading, htmlPage, paragraph } from "../report/page.js";
import { pictures, type Picture } from "../report/pictures.js";
import { table } from "../report/table.js";
import { fromFloat32 } from "../weights/numbers.js";
import { saveSafetensors } from "../weights/safetensors.node.js";
import { columns } from "./format.js";
import { openModelWith } from "./openModel.js";
import { Progress } from "./progress.js";
import { assertPreset } from "./runSegment.js";
import { middleOf, type TraceOptions } from "./runTrace.js";
import type { SegmentJob } from "./segmentJobs.js";
import { sceneOf } from "./traceScene.js";
import { openVolumeCase } from "./volumeCase.js";

/** The only head's scores of each layer's attention to the memory. */
const SCORES = "memory_attention.layers.*.cross_attn_image.scores";
const OBJECT = 1;

/** The place whose look is wanted. */
interface Query {
  readonly point: Point;
  readonly slice: number;
}

/** Where the query looks, and what was found on the way. */
interface Seen {
  /** By layer. */
  readonly looks: readonly MemoryLook[];
  /** What was found in each slice that was gone through. */
  readonly masks: ReadonlyMap<number, Mask>;
  readonly cover: Cover;
}

/**
 * `medsam trace` with `--query-slice`: follows the object from its prompted slice to another one, and shows where a pixel
 * of that one looks in the slices that the model remembers.
 *
 * @throws UsageError, PromptError, ImageError or CheckpointError; nothing is written then.
 */
export async function runTraceMemory(
  job: SegmentJob,
  options: TraceOptions & { readonly querySlice: number },
  signal: AbortSignal,
): Promise<void> {
  assertPreset(options);
  const { slice: start = 0 } = job;
  const opened = await openVolumeCase(
    { path: job.image, name: job.name, out: options.out },
    options,
    () => ({ objects: [{ label: OBJECT, prompts: new Map([[start, job.targets[0].prompt]]) }] }),
    { signal },
  );
  for (const warning of opened.source.volume.warnings) console.error(`medsam: ${warning}`);
  const frames = volumeFrames(opened.eightBit.volume, opened.axis);
  const prompt = checkPrompt(job.targets[0].prompt, { ...frames, maskSide: 0 });
  const query: Query = { point: options.query ?? middleOf(prompt), slice: options.querySlice };
  assertSeen(query, start, frames);

  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModelWith(buildSam2, options.checkpoint, { ...options, signal });
  const preset = options.preset === undefined ? MEDSAM2_INFER_3D_CT : findPreset(options.preset);
  const predictor = new Sam2VideoPredictor(model, { preset });
  const progress = new Progress("tracing");
  try {
    const call = { signal, onProgress: (share: number) => progress.update(0.9 * share) };
    const seen = await look(predictor, frames, start, prompt, query, call);
    const made = await picturesOf(seen, frames, predictor, start, prompt, query);
    const about = {
      ...{ image: basename(job.image), slice: start, prompt, query: query.point, querySlice: query.slice },
      ...{ checkpoint: checkpoint.name, sha256: checkpoint.sha256, preset: preset.name, backend },
    };
    await write(options.out, about, seen, gridSize(model.config), made);
    progress.stop();
    print(options, about, seen);
  } finally {
    progress.stop();
    await predictor.dispose();
    model.dispose();
  }
}

function assertSeen(
  { point: [x, y], slice }: Query,
  start: number,
  { name, count, width, height }: Frames,
): void {
  if (slice >= count)
    throw new PromptError(`${name}: --query-slice ${slice}; expected one of 0 to ${count - 1}`);
  if (slice === start)
    throw new PromptError(
      `${name}: --query-slice ${slice} is the prompted slice, which looks at no memory; choose another one`,
    );
  if (x < 0 || y < 0 || x > width || y > height)
    throw new PromptError(
      `${name}: --query at [${x},${y}] lies outside the slice of ${width} x ${height} pixels`,
    );
}

/** Follows the object to the query's slice, and watches there. */
async function look(
  predictor: Sam2VideoPredictor,
  frames: Frames,
  start: number,
  prompt: Prompt,
  query: Query,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (share: number) => void },
): Promise<Seen> {
  const { model, preset } = predictor;
  const { config } = model;
  const side = gridSize(config);
  const { frame } = prepareImage(preset, await frames.read(query.slice), config.imageSize);
  const { cell, cover } = placeOnGrid(query.point, frame, side);
  const state = predictor.initState(frames);
  const { box, pointCoords: points = [], pointLabels: labels = [] } = prompt;
  const asked = { frame: start, object: OBJECT, points, labels, ...(box && { box }) };
  await predictor.addNewPointsOrBox(state, asked, { signal });

  const masks = new Map<number, Mask>();
  const reverse = query.slice < start;
  const away = Math.abs(query.slice - start);
  const step = reverse ? -1 : 1;
  const follow = async (startFrame: number, maxFrames: number) => {
    for await (const found of predictor.propagateInVideo(state, { startFrame, maxFrames, reverse, signal })) {
      masks.set(found.frame, found.objects[0].mask);
      onProgress(masks.size / (away + 1));
    }
  };
  await follow(start, away - 1);

  const layers = matchGlobs([SCORES], [...model.namedLayers()].map(([path]) => `${path}.scores`)); // prettier-ignore
  const pick = lookOfToken(0, cell.row * side + cell.column, 1);
  const picked = new Map<string, Float32Array>();
  await watch(
    model,
    (path) => (layers.includes(path) ? [pick] : []),
    (path, { values }) => picked.set(path, values),
    () => follow(start + step * away, 0),
  );
  const remembered = remember(state.values.bank, query.slice, reverse, {
    ...config,
    frameCount: frames.count,
  });
  return { looks: layers.map((path) => memoryLook(picked.get(path)!, remembered, side ** 2)), masks, cover };
}

/** The mean of the layers, by frame. */
function meanOf(looks: readonly MemoryLook[]): MemoryLook["frames"] {
  return looks[0].frames.map(({ frame }, n) => {
    const each = looks.map(({ frames }) => frames[n]);
    const mean = (of: (one: (typeof each)[number]) => number) =>
      each.reduce((sum, one) => sum + of(one), 0) / each.length;
    const values = each[0].values.map((_, cell) => mean((one) => one.values[cell]));
    return {
      frame,
      values,
      share: mean(({ share }) => share),
      pointerShare: mean((one) => one.pointerShare),
    };
  });
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

async function picturesOf(
  { looks, masks, cover }: Seen,
  frames: Frames,
  { model, preset }: Sam2VideoPredictor,
  start: number,
  prompt: Prompt,
  query: Query,
): Promise<(Picture & { readonly file: string })[]> {
  const side = gridSize(model.config);
  const mean = meanOf(looks);
  // Shares are few large and many small ones: their roots show both. One range for all slices, so that they compare.
  const roots = mean.map(({ values }) => values.map((value) => Math.sqrt(value)));
  const most = roots.reduce((high, values) => values.reduce((a, b) => Math.max(a, b), high), 0);
  const sceneAt = async (slice: number) => {
    const image = toEightBit(preset, await frames.read(slice));
    const single = { masks: [masks.get(slice)!], scores: [] };
    const shown = slice === start ? prompt : {};
    return sceneOf(image, wholeOf(image), { prompt: shown, query: query.point, single, several: single });
  };
  const made: (Picture & { readonly file: string })[] = [];
  const add = (slice: number, caption: string, image: PixelImage) =>
    made.push({ file: `slice_${slice}.png`, caption, png: encodePng(image) });
  const asked = await sceneAt(query.slice);
  add(
    query.slice,
    `Slice ${query.slice}: the query, and what was found`,
    drawOverlay(asked.image, { masks: asked.single.masks, points: [{ ...asked.query, foreground: true }] }),
  );
  for (const [n, { frame, share, pointerShare }] of mean.entries()) {
    const { image, single, prompt: own } = await sceneAt(frame);
    const what = frame === start ? `Slice ${frame}, the prompted one` : `Slice ${frame}`;
    const caption = `${what}: ${percent(share)} of the attention, its pointer ${percent(pointerShare)}`;
    const heat = heatOver(image, { height: side, width: side, values: roots[n] }, cover, [0, most]);
    add(frame, caption, drawOverlay(heat, { ...own, outlines: single.masks }));
  }
  return made;
}

async function write(
  folder: string,
  about: object,
  { looks }: Seen,
  side: number,
  made: readonly (Picture & { readonly file: string })[],
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const slices = looks[0].frames.map(({ frame }) => frame);
  const list = looks.map(({ frames }, layer) => ({
    name: `memory_attention.layers.${layer}.cross_attn_image.look`,
    dtype: "F32" as const,
    shape: [frames.length, side, side],
    bytes: () => fromFloat32(Float32Array.from(frames.flatMap(({ values }) => [...values])), "F32"),
  }));
  saveSafetensors(join(folder, "trace.safetensors"), list, { trace: JSON.stringify({ ...about, slices }) });
  for (const { file, png } of made) await writeFileAtomic(join(folder, file), png);
  await writeFileAtomic(join(folder, "index.html"), pageOf(about, looks, made));
}

function pageOf(about: object, looks: readonly MemoryLook[], made: readonly Picture[]): string {
  const facts = Object.entries(about).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const cells = (of: (frame: MemoryLook["frames"][number]) => number) =>
    looks.map(({ frames }) => frames.map(of));
  const [shares, pointers] = [cells(({ share }) => share), cells(({ pointerShare }) => pointerShare)];
  return htmlPage({
    title: "What the memory is asked",
    body: [
      table({ columns: ["", ""], rows: facts }),
      heading("Where the query looks in the slices that are remembered"),
      paragraph(
        "The mean of all layers; colours are by square roots, on one scale for all slices. White: what was found there.",
      ),
      pictures(made, "small"),
      heading("Shares by layer"),
      table({
        columns: ["slice", ...looks.flatMap((_, layer) => [`layer ${layer}`, `its pointer`])],
        rows: looks[0].frames.map(({ frame }, n) => [
          frame,
          ...looks.flatMap((_, layer) => [percent(shares[layer][n]), percent(pointers[layer][n])]),
        ]),
      }),
    ],
  });
}

function print({ out, json }: TraceOptions, about: object, { looks }: Seen): void {
  const mean = meanOf(looks).map(({ frame, share, pointerShare }) => ({ slice: frame, share, pointerShare }));
  if (json) {
    console.log(JSON.stringify({ ...about, looks: mean }, null, 2));
    return;
  }
  console.log(
    columns([
      ...mean.map(({ slice, share, pointerShare }) => [
        `slice ${slice}`,
        percent(share),
        `pointer ${percent(pointerShare)}`,
      ]),
      [join(out, "index.html"), "", "pictures, to look at"],
      [join(out, "trace.safetensors"), "", "the same as numbers"],
    ]),
  );
}
