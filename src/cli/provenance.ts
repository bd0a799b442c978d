import { basename, resolve } from "node:path";
import type { Tracker } from "../predictor/volume/tracker.js";
import type { Margin } from "../predictor/volume/endOfObject.js";
import type { LabelledPoint } from "./prompts.js";
import type { SegmentVolumeOptions } from "./runSegmentVolume.js";
import type { SegmentJob, Target } from "./segmentJobs.js";
import { PACKAGE_VERSION } from "./version.js";
import type { VideoSettings } from "./videoCase.js";
import type { VolumeSettings } from "./volumeCase.js";

/** A command that makes a result again. No folder and nothing of a patient is in it. */
export interface Again {
  readonly command: string;
  /** Where to run it: weights and other files that it names are to be there too. */
  readonly folder: "the image's" | "the volume's" | "the video's" | "the table's";
}

/** How masks came about, so that anyone can make them again. */
export interface Provenance extends RunSettings, Again {
  readonly package: string;
  readonly version: string;
}

/** What all images of a run have in common. */
export interface RunSettings {
  readonly checkpoint: { readonly name: string; readonly sha256: string; readonly embedded: boolean };
  /** Side of the square that images became, where the weights do not tell. */
  readonly imageSize?: number;
  readonly preset: string;
  readonly intensity?: string;
  /** Times the box's longer side that the model saw around each box; 0: it saw the whole image. */
  readonly crop: number;
  readonly backend: string;
  readonly multimask: boolean;
}

/** What a command is told of its model: what is left out is left to the weights. */
export type AskedSettings = Partial<RunSettings> &
  Pick<RunSettings, "checkpoint"> & { readonly follow?: Tracker["follow"] };

/**
 * @param command that does the tables which jobs are from.
 * @param asked what such a command is told, where it is not `settings`.
 */
export function provenanceOf(
  job: SegmentJob,
  settings: RunSettings,
  command: "segment" | "batch" = "segment",
  asked: AskedSettings = settings,
): Provenance {
  const { table, isFoundByName = false } = job;
  const again =
    table === undefined || (isFoundByName && command === "segment")
      ? imageCommand(job, settings)
      : tableCommand(command, table, asked);
  return { package: "medsam-tfjs", version: PACKAGE_VERSION, ...settings, ...again };
}

function imageCommand({ image, slice, targets, table }: SegmentJob, settings: RunSettings): Again {
  const prompts = targets.flatMap(({ prompt: { box, pointCoords = [], pointLabels = [] } }: Target) => [
    ...flags("box", box && [box]),
    ...pointCoords.map((point, n) => flag("point", [...point, pointLabels[n]])),
  ]);
  const command = [
    `medsam segment ${quoted(nameOf(image))}`,
    ...flags("slice", slice),
    ...(table === undefined ? prompts : flags("boxes", nameOf(table))),
    ...settingFlags(settings),
  ];
  return { command: command.join(" "), folder: "the image's" };
}

/** The whole table: its rows may name folders, and a case of a batch may be several things. */
export function tableCommand(command: "segment" | "batch", table: string, settings: AskedSettings): Again {
  const words = {
    segment: [`medsam segment --boxes ${quoted(nameOf(table))}`, ...settingFlags(settings)],
    // A batch does not do again what is there.
    batch: [`medsam batch ${quoted(nameOf(table))}`, ...settingFlags(settings), "--out again"],
  };
  return { command: words[command].join(" "), folder: "the table's" };
}

export function volumeCommand(
  path: string,
  options: SegmentVolumeOptions,
  settings: Omit<VolumeSettings, keyof Again>,
): Again {
  const points = ({ point, label }: LabelledPoint) => [...point, label];
  const command = [
    `medsam segment-volume ${quoted(nameOf(path))}`,
    ...flags("box", options.box),
    ...flags("point", options.point?.map(points)),
    ...flags("slice", options.slice),
    ...flags(
      "slice-box",
      options.sliceBox?.map(([slice, box]) => [slice, ...box]),
    ),
    ...flags(
      "slice-point",
      options.slicePoint?.map(([slice, point]) => [slice, ...points(point)]),
    ),
    ...flags("box3d", options.box3d),
    ...flags("mask", options.mask && nameOf(options.mask)),
    ...flags("prompts-from", options.promptsFrom && nameOf(options.promptsFrom)),
    ...(options.everySlice ? ["--every-slice"] : []),
    ...(options.pieces ? ["--pieces"] : []),
    ...flags("widen", options.widen === undefined ? undefined : marginText(options.widen)),
    ...flags("jitter", options.jitter),
    ...flags("seed", options.seed),
    ...flags("plane", options.plane),
    ...flags("frame", options.frame),
    ...flags("series", options.series),
    ...flags("margin", settings.margin === undefined ? undefined : marginText(settings.margin)),
    ...flags("format", options.format),
    ...flags("intensity", options.intensity),
    // How objects are followed and an unnamed preset go together by the weights alone.
    ...settingFlags({
      ...settings,
      ...{ imageSize: options.imageSize, follow: options.follow, multimask: false },
      preset: options.follow === undefined ? settings.preset : options.preset,
    }),
  ];
  return { command: command.join(" "), folder: "the volume's" };
}

export function videoCommand(path: string, settings: VideoSettings, intensity: string): Again {
  const points = ({ point, label }: LabelledPoint) => [...point, label];
  const command = [
    `medsam segment-video ${quoted(nameOf(path))}`,
    ...flags("frame", settings.frame),
    ...flags("box", settings.box),
    ...flags("point", settings.point?.map(points)),
    ...flags(
      "frame-box",
      settings.frameBox?.map(([frame, box]) => [frame, ...box]),
    ),
    ...flags(
      "frame-point",
      settings.framePoint?.map(([frame, point]) => [frame, ...points(point)]),
    ),
    ...flags("mask", settings.mask && nameOf(settings.mask)),
    ...flags("prompts", settings.prompts && nameOf(settings.prompts)),
    ...settingFlags({ ...settings, intensity }),
  ];
  return { command: command.join(" "), folder: "the video's" };
}

function settingFlags(settings: AskedSettings): string[] {
  const { checkpoint, imageSize, follow, preset, intensity, crop, backend, multimask = false } = settings;
  return [
    ...flags("image-size", imageSize),
    ...flags("follow", follow),
    ...flags("checkpoint", checkpoint.embedded ? undefined : checkpoint.name),
    ...flags("preset", preset),
    ...flags("intensity", intensity),
    ...flags("crop", crop),
    ...flags("backend", backend),
    ...(multimask ? ["--multimask"] : []),
  ];
}

type Value = string | number | readonly number[];

/** One flag, or one for each of a list; none without a value. */
function flags(name: string, value: Value | readonly (readonly number[])[] | undefined): string[] {
  if (value === undefined || value === "") return [];
  const isMany = typeof value === "object" && typeof value[0] === "object";
  return (isMany ? (value as readonly (readonly number[])[]) : [value as Value]).map((one) =>
    flag(name, one),
  );
}

const flag = (name: string, value: Value): string =>
  `--${name} ${typeof value === "string" ? quoted(value) : String(value)}`;

const marginText = (margin: Margin): string => (typeof margin === "number" ? `${margin}` : `${margin.mm}mm`);

/** Without its folder; not to be taken for a flag. */
function nameOf(path: string): string {
  const name = basename(resolve(path));
  return name.startsWith("-") ? `./${name}` : name;
}

/** A file name as a POSIX shell takes it. */
function quoted(name: string): string {
  return /^[\w./+=@%,-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
