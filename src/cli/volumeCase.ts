import { basename, resolve } from "node:path";
import { OutOfMemoryError } from "../backend/outOfMemory.js";
import { FULL_RANGE } from "../image/intensity.js";
import type { ModelConfig } from "../model/config.js";
import type { LongCall } from "../predictor/longCall.js";
import type { Preset } from "../predictor/presets.js";
import { defaultPreset, findPreset, withIntensity } from "../predictor/presetTable.js";
import { PromptError } from "../predictor/types.js";
import { volumeFrames, type Frames } from "../predictor/volume/frames.js";
import { segmentVolume, UnfinishedVolumeError } from "../predictor/volume/segmentVolume.js";
import type { Tracker } from "../predictor/volume/tracker.js";
import { boxWarnings, checkObjects, type VolumeObject } from "../predictor/volume/volumeObject.js";
import type { VolumeSegmentation } from "../predictor/volume/volumeResult.js";
import type { Margin } from "../predictor/volume/endOfObject.js";
import { axisAcross, axisCodes, type PlaneName } from "../volume/affine.js";
import { eightBitVolume, type EightBitVolume } from "../volume/eightBit.js";
import { readVolumeWithSource, type VolumeWithSource } from "../volume/read.node.js";
import { oneFrame, type Axis } from "../volume/values.js";
import { spacingOf, type LabelVolume, type Volume } from "../volume/volume.js";
import { UsageError } from "./errors.js";
import type { Again, Provenance } from "./provenance.js";
import { PACKAGE_VERSION } from "./version.js";
import {
  filesWithout,
  volumeFiles,
  writeVolumeFiles,
  type LabelFormat,
  type VolumeFiles,
} from "./volumeFiles.js";
import type { Skipped } from "./skipped.js";
import { toPrompts, type AskedObjects, type ToldPrompt } from "./volumePrompts.js";
import { slicesPicture } from "./volumePicture.js";

/** How a volume is read. */
export interface VolumeReading {
  readonly plane?: PlaneName;
  readonly series?: number;
  readonly frame?: number;
  readonly intensity?: string;
  /** It may have an intensity of its own for volumes. */
  readonly preset?: string;
  /** Of the labels that are written; default: as the volume. */
  readonly format?: LabelFormat;
}

/** A volume, and where its results go. */
export interface VolumePlace {
  readonly path: string;
  /** What the files in `out` are named after. */
  readonly name: string;
  readonly out: string;
  /** Where objects are from a table, those that cannot be segmented are skipped, unless `strict`. */
  readonly fromTable?: {
    readonly strict: boolean;
    /** The rows of each object, by label. */
    readonly rows: Readonly<Record<number, readonly number[]>>;
    /** Those whose rows cannot be used. */
    readonly skipped: readonly Skipped[];
  };
}

/** A volume that was read, and what is to be found in it. */
export interface OpenedVolume {
  readonly path: string;
  readonly source: VolumeWithSource;
  readonly eightBit: EightBitVolume;
  readonly axis: Axis;
  /** Which one of several. */
  readonly frame?: number;
  readonly objects: readonly VolumeObject[];
  readonly skipped: readonly Skipped[];
  /** What the objects were taken from, to be drawn beside what was found. */
  readonly truth?: LabelVolume;
  readonly files: VolumeFiles;
  /** What is written when something fails in the middle. */
  readonly unfinishedFiles: VolumeFiles;
}

/** What all volumes of a run have in common. */
export interface VolumeSettings extends Again {
  readonly checkpoint: Provenance["checkpoint"];
  readonly preset: string;
  readonly backend: string;
  /** Side of the square that slices became. */
  readonly imageSize: number;
  /** Of objects followed by boxes. */
  readonly margin?: Margin;
  /** The same: times the box's longer side that the model saw around each box; 0: it saw the whole slice. */
  readonly crop?: number;
}

/** What NAME.json holds. */
export interface VolumeDocument {
  readonly volume: { readonly file: string; readonly size: readonly number[]; readonly orientation?: string };
  readonly objects: readonly {
    readonly label: number;
    readonly voxels: number;
    readonly millilitres?: number;
    readonly slices: VolumeSegmentation["objects"][number]["slices"];
  }[];
  /** What was asked for. */
  readonly prompts: readonly ToldPrompt[];
  readonly skipped: readonly Skipped[];
  readonly warnings: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** Why the slices after those that are listed were not done. */
  readonly unfinished?: string;
  readonly provenance: Pick<VolumeSettings, "checkpoint" | "preset" | "crop" | "backend" | keyof Again> & {
    readonly intensity: string;
  };
}

/** The preset for slices: the volume was scaled as a whole, which leaves nothing for the preset's own intensities. */
export function slicePreset(name: string | undefined, config: ModelConfig): Preset {
  return withIntensity(name === undefined ? defaultPreset(config) : findPreset(name), FULL_RANGE);
}

/** Reads a volume and what is to be found in it. */
export async function openVolumeCase(
  { path, name, out, fromTable }: VolumePlace,
  { plane, series, frame, intensity, preset, format }: VolumeReading,
  objectsIn: (volume: Volume, axis: Axis) => Promise<AskedObjects> | AskedObjects,
  call: LongCall,
): Promise<OpenedVolume> {
  const read = await readVolumeWithSource(path, { ...call, ...(series !== undefined && { series }) });
  const { frames } = read.volume;
  if (frame === undefined && frames > 1)
    throw new UsageError(`${path}: has ${frames} frames; expected --frame 0 to ${frames - 1}`);
  const source = toBeSegmented(oneFrame(read.volume, frame ?? 0), frames, read.images);
  const axis = axisOf(source.volume, plane);
  const { objects: asked, truth } = await objectsIn(source.volume, axis);
  const slices = volumeFrames(source.volume, axis);
  const { objects, skipped } = fromTable === undefined ? { objects: asked, skipped: [] } : usable(slices, asked, fromTable); // prettier-ignore
  const outside = boxWarnings(slices, objects);
  const warnings = [...source.volume.warnings, ...(truth?.warnings ?? []), ...outside];
  const isDicom = source.images !== undefined;
  const files = volumeFiles(path, name, isDicom, out, format);
  const unfinishedFiles = volumeFiles(path, `${name}_unfinished`, isDicom, out, format);
  const own = preset === undefined ? undefined : findPreset(preset).volumeIntensity;
  const eightBit = eightBitVolume(source.volume, intensity ?? own);
  return {
    ...{ path, axis, objects, skipped, files, unfinishedFiles, eightBit },
    ...(truth && { truth }),
    ...(frame !== undefined && { frame }),
    source: { ...source, volume: { ...source.volume, warnings } },
  };
}

/** The objects that can be segmented, and the others. @throws PromptError when there are none, or `strict` is set. */
function usable(
  frames: Frames,
  asked: readonly VolumeObject[],
  { strict, rows, skipped }: NonNullable<VolumePlace["fromTable"]>,
): Pick<OpenedVolume, "objects" | "skipped"> {
  const found = { objects: [] as VolumeObject[], skipped: [...skipped] };
  for (const object of asked) {
    try {
      checkObjects(frames, [object]);
      found.objects.push(object);
    } catch (error) {
      if (!(error instanceof PromptError) || strict) throw error;
      const { label } = object;
      found.skipped.push({ value: label, rows: rows[label], error: error.message });
    }
  }
  if (found.objects.length === 0) throw new PromptError(found.skipped.map(({ error }) => error).join("; "));
  return { ...found, skipped: found.skipped.sort((a, b) => a.value - b.value) };
}

/** A DICOM segmentation refers to its images by their place, so there is none of films and of images without one. */
function toBeSegmented(volume: Volume, frames: number, images: VolumeWithSource["images"]): VolumeWithSource {
  if (images === undefined) return { volume };
  if (volume.affine !== undefined && frames === 1) return { volume, images };
  const reason =
    frames > 1 ? "its frames share a place" : "its images do not say where they lie in the patient";
  const warning = `${volume.name}: no DICOM segmentation is written, as ${reason}; the other labels are`;
  return { volume: { ...volume, warnings: [...volume.warnings, warning] } };
}

/** @throws UsageError when the volume does not say which way it lies. */
function axisOf({ name, affine }: Volume, plane: PlaneName | undefined): Axis {
  if (plane === undefined) return 2;
  if (affine === undefined)
    throw new UsageError(`${name}: does not say how it lies in the patient; leave --plane out for its slices as stored`); // prettier-ignore
  return axisAcross(affine, plane);
}

/** Segments what is to be found and writes the files; all of them or, when it fails or is interrupted, none. */
export async function segmentVolumeCase(
  tracker: Tracker,
  opened: OpenedVolume,
  settings: VolumeSettings,
  { signal, onProgress }: LongCall & { readonly signal: AbortSignal },
): Promise<WrittenVolume> {
  const { eightBit, axis, objects } = opened;
  const found = await segmentVolume(tracker, eightBit.volume, objects, { axis, signal, onProgress });
  signal.throwIfAborted();
  return writeVolumeCase(found, opened, { ...settings, follow: tracker.follow });
}

/** What was written of a volume. */
export interface WrittenVolume {
  readonly document: VolumeDocument;
  readonly written: VolumeFiles;
}

/**
 * Writes what was found; all files or none.
 *
 * @param unfinished why a part of the slices was not done.
 */
export async function writeVolumeCase(
  found: VolumeSegmentation,
  { path, source, eightBit, axis, frame, objects, skipped, truth, files }: OpenedVolume,
  settings: VolumeSettings & Pick<Tracker, "follow">,
  unfinished?: string,
): Promise<WrittenVolume> {
  const written = filesWithout(files, found);
  const { volume, images } = source;
  // As in all that is written, without the folder, which may be named after a patient.
  const told = (text: string) => text.replaceAll(volume.name, basename(volume.name));
  const document = {
    volume: { file: basename(resolve(path)), size: volume.size, ...placeOf(volume) },
    objects: byLabel(found),
    prompts: toPrompts(objects),
    skipped: skipped.map((one) => ({ ...one, error: told(one.error) })),
    warnings: volume.warnings.map(told),
    files: Object.fromEntries(
      Object.entries<string>({ ...written }).map(([what, file]) => [what, basename(file)]),
    ),
    ...(unfinished !== undefined && { unfinished }),
    provenance: {
      ...{ package: "medsam-tfjs", version: PACKAGE_VERSION, ...settings },
      ...{ intensity: eightBit.intensity, axis, ...(frame !== undefined && { frame }) },
    },
  };
  const picture = slicesPicture(eightBit.volume, found, objects, axis, truth);
  await writeVolumeFiles(files, found, { document, picture, ...(images && { images }) });
  return { document, written };
}

/**
 * Writes what was found before something failed, under names that say so.
 *
 * @throws Error that says where it is and what to do; `error` itself where nothing was found before it.
 */
export async function keepUnfinished(
  error: unknown,
  opened: OpenedVolume,
  settings: VolumeSettings & Pick<Tracker, "follow">,
): Promise<never> {
  if (!(error instanceof UnfinishedVolumeError)) throw error;
  const { found, message, cause } = error;
  const files = opened.unfinishedFiles;
  await writeVolumeCase(found, { ...opened, files }, settings, message);
  const slices = found.objects.flatMap((object) => object.slices.map(({ slice }) => slice));
  const lower =
    cause instanceof OutOfMemoryError
      ? ". In a volume: follow fewer objects at a time, prompt fewer slices, or with SAM 2.1 or MedSAM2 lower --image-size"
      : "";
  throw new Error(
    `${opened.source.volume.name}: ${message}${lower}. What was found before, in slices ${Math.min(...slices)} to ` +
      `${Math.max(...slices)}, is in ${files.labels}`,
    { cause },
  );
}

/** Objects of one label are pieces of one: their slices stand together. */
function byLabel({ labels, objects }: VolumeSegmentation): VolumeDocument["objects"] {
  return [...new Set(objects.map(({ label }) => label))].map((label) => {
    const slices = objects.filter((one) => one.label === label).flatMap((one) => one.slices);
    return { label, ...amountOf(labels, label), slices: slices.sort((a, b) => a.slice - b.slice) };
  });
}

function placeOf({ affine, pixelSpacing, sliceSpacing }: Volume) {
  return {
    ...(pixelSpacing && { pixelSpacing }),
    ...(sliceSpacing !== undefined && { sliceSpacing }),
    ...(affine && { orientation: axisCodes(affine) }),
  };
}

/** Voxels of a label, and millilitres where the spacing is known. */
function amountOf(labels: LabelVolume, label: number): { voxels: number; millilitres?: number } {
  let voxels = 0;
  for (const value of labels.data) if (value === label) voxels++;
  if (labels.pixelSpacing === undefined || labels.sliceSpacing === undefined) return { voxels };
  const [x, y, z] = spacingOf(labels, "labels");
  return { voxels, millilitres: (voxels * x * y * z) / 1000 };
}
