import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { cropImage, wholeOf, type Region } from "../image/crop.js";
import { writeFileAtomic } from "../image/encode.node.js";
import type { PixelImage } from "../image/pixels.js";
import { placeOnGrid } from "../inspect/place.js";
import { gridSize } from "../model/config.js";
import { boxWarning, checkPrompt } from "../predictor/checkPrompt.js";
import { prepareImage, toEightBit } from "../predictor/presetTable.js";
import { imagePredictor } from "../predictor/imagePredictor.js";
import { seenRegion } from "../predictor/seenRegion.js";
import { PromptError, type Point, type Prompt } from "../predictor/types.js";
import { heading, htmlPage, paragraph } from "../report/page.js";
import { pictures } from "../report/pictures.js";
import { table } from "../report/table.js";
import { fromFloat32 } from "../weights/numbers.js";
import { saveSafetensors } from "../weights/safetensors.node.js";
import { columns, short } from "./format.js";
import { openModel } from "./openModel.js";
import { choosePreset } from "./openPredictor.js";
import { Progress } from "./progress.js";
import { assertPreset } from "./runSegment.js";
import { readImage } from "./segmentImage.js";
import { haveSeveralMasks } from "./severalMasks.js";
import type { PromptOptions, SegmentJob } from "./segmentJobs.js";
import { chooseTaps, collect, type Collected } from "./traceCollect.js";
import { sceneOf } from "./traceScene.js";
import { SECTIONS, tracePictures, type TracePicture } from "./tracePictures.js";

/** The options of `medsam trace`. */
export interface TraceOptions extends PromptOptions {
  readonly tap?: readonly string[];
  readonly query?: Point;
  readonly querySlice?: number;
  readonly checkpoint?: string;
  readonly imageSize?: number;
  readonly preset?: string;
  readonly intensity?: string;
  readonly crop?: number;
  readonly backend: BackendName | "auto";
  readonly out: string;
  readonly json?: boolean;
}

/** @throws UsageError, PromptError, ImageError or CheckpointError; nothing is written then. */
export async function runTrace(job: SegmentJob, options: TraceOptions, signal: AbortSignal): Promise<void> {
  assertPreset(options);
  const image = await readImage(job, options.intensity);
  const { width, height } = image;
  const [{ prompt: asked }] = job.targets;
  const prompt = checkPrompt(asked, { width, height, maskSide: 0 });
  for (const warning of [...(image.warnings ?? []), boxWarning(asked, image)])
    if (warning !== undefined) console.error(`medsam: ${warning}`);
  const query = options.query ?? middleOf(prompt);
  assertSeen(query, wholeOf(image), image);

  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(options.checkpoint, { ...options, signal });
  const preset = choosePreset(options, model.config);
  const predictor = imagePredictor(model, { preset, crop: options.crop });
  const progress = new Progress("tracing");
  try {
    const taps = chooseTaps(model, options.tap);
    const region = seenRegion(prompt, predictor.crop, image);
    assertSeen(query, region, image);
    const { frame } = prepareImage(preset, cropImage(image, region), model.config.imageSize);
    const side = gridSize(model.config);
    const { cell, cover } = placeOnGrid([query[0] - region.x, query[1] - region.y], frame, side);
    const onProgress = (share: number) => progress.update(0.8 * share);
    const cropped = predictor.crop > 0;
    const collected = await collect(model, taps, cell, async () => {
      await predictor.setImage(image, { signal, onProgress: cropped ? undefined : onProgress });
      return predictor.predict(prompt, {
        ...{ signal, multimaskOutput: false, onProgress: cropped ? onProgress : undefined },
      });
    });
    const several = (await haveSeveralMasks(options))
      ? await predictor.predict(prompt, { multimaskOutput: true, signal })
      : undefined;
    const made: TracePicture[] = [];
    const predicted = { prompt, query, single: collected.result, ...(several && { several }) };
    const scene = sceneOf(toEightBit(preset, image), region, predicted);
    for (const picture of tracePictures({ ...scene, side, cover, cell }, collected)) {
      signal.throwIfAborted();
      made.push(picture);
      progress.update(0.8 + 0.01 * Math.min(made.length, 19), picture.file);
    }
    const about = {
      image: basename(job.image),
      ...(job.slice !== undefined && { slice: job.slice }),
      ...{
        prompt,
        query,
        checkpoint: checkpoint.name,
        sha256: checkpoint.sha256,
        preset: preset.name,
        crop: predictor.crop,
        backend,
      },
    };
    await write(options.out, about, collected, made);
    progress.stop();
    print(options, about, collected, made);
  } finally {
    progress.stop();
    await predictor.dispose();
    model.dispose();
  }
}

/** Where a query is that the command line leaves out. */
export function middleOf({ box, pointCoords }: Prompt): Point {
  if (box !== undefined) return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  return pointCoords![0];
}

/** @throws PromptError for a place that the model does not see. */
function assertSeen([qx, qy]: Point, { x, y, width, height }: Region, image: PixelImage): void {
  const isSeen = qx >= x && qy >= y && qx <= x + width && qy <= y + height;
  if (isSeen) return;
  const isWhole = width === image.width && height === image.height;
  const where = isWhole
    ? `the image of ${width} x ${height} pixels`
    : `what the model sees around the box, columns ${x} to ${x + width} and rows ${y} to ${y + height}; ` +
      "choose a place there, or show the whole image with --crop 0";
  throw new PromptError(`--query at [${qx},${qy}] lies outside ${where}`);
}

async function write(
  folder: string,
  about: object,
  { tensors }: Collected,
  made: readonly TracePicture[],
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const list = [...tensors].map(([name, { shape, values }]) => {
    return { name, dtype: "F32" as const, shape, bytes: () => fromFloat32(values, "F32") };
  });
  saveSafetensors(join(folder, "trace.safetensors"), list, { trace: JSON.stringify(about) });
  for (const { file, png } of made) await writeFileAtomic(join(folder, file), png);
  await writeFileAtomic(join(folder, "index.html"), pageOf(about, tensors, made));
}

function pageOf(about: object, tensors: Collected["tensors"], made: readonly TracePicture[]): string {
  const facts = Object.entries(about).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const sections = Object.values(SECTIONS).flatMap((section) => {
    const own = made.filter((picture) => picture.section === section);
    return own.length === 0
      ? []
      : [heading(section), pictures(own, section === SECTIONS.masks ? "small" : "large")];
  });
  const hasAttention = made.some(({ section }) => section === SECTIONS.attention);
  return htmlPage({
    title: "Inside the model",
    body: [
      table({ columns: ["", ""], rows: facts }),
      ...sections,
      ...(hasAttention
        ? []
        : [
            heading(SECTIONS.attention),
            paragraph(
              "Not drawn: this encoder is not SAM's vision transformer, whose blocks all share one grid. Where it has attention, its scores " +
                "can be taken as values: --tap 'image_encoder.**.scores'.",
            ),
          ]),
      heading("Values"),
      paragraph("In trace.safetensors, with PyTorch's names and axes."),
      table({
        columns: ["value", "shape"],
        rows: [...tensors].map(([path, { shape }]) => [path, `[${shape.join(", ")}]`]),
      }),
    ],
  });
}

function print(
  { out, json }: TraceOptions,
  about: object,
  { tensors }: Collected,
  made: readonly TracePicture[],
): void {
  const shapes = Object.fromEntries([...tensors].map(([path, { shape }]) => [path, shape]));
  if (json) {
    const files = ["index.html", "trace.safetensors", ...made.map(({ file }) => file)];
    console.log(JSON.stringify({ ...about, tensors: shapes, files }, null, 2));
    return;
  }
  const bytes = [...tensors.values()].reduce((sum, { values }) => sum + values.byteLength, 0);
  console.log(
    columns([
      [join(out, "index.html"), `${made.length} pictures, to look at`],
      [join(out, "trace.safetensors"), `${tensors.size} values, ${short(bytes, "B")}, for NumPy and PyTorch`],
    ]),
  );
}
