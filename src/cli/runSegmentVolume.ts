import { basename, resolve } from "node:path";
import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { FULL_RANGE } from "../image/intensity.js";
import { objectsFromLabels } from "../predictor/objectsFromLabels.js";
import { defaultPreset, findPreset, withIntensity } from "../predictor/presetTable.js";
import { SamPredictor } from "../predictor/samPredictor.js";
import { segmentVolume, type VolumeObject, type VolumeSegmentation } from "../predictor/segmentVolume.js";
import type { Box } from "../predictor/types.js";
import { axisAcross, axisCodes, type PlaneName } from "../volume/affine.js";
import { eightBitVolume } from "../volume/eightBit.js";
import { assertSameGeometry } from "../volume/labels.js";
import { readLabelVolumeFile, readVolumeWithSource } from "../volume/read.node.js";
import type { Axis } from "../volume/values.js";
import { spacingOf, type LabelVolume, type Volume } from "../volume/volume.js";
import { UsageError } from "./errors.js";
import { columns, thousands } from "./format.js";
import { openModel } from "./openModel.js";
import { Progress } from "./progress.js";
import type { Box3d } from "./prompts.js";
import { assertPreset } from "./runSegment.js";
import { PACKAGE_VERSION } from "./version.js";
import {
  assertMayWriteVolume,
  filesWithout,
  volumeFiles,
  writeVolumeFiles,
  type VolumeFiles,
} from "./volumeFiles.js";
import { slicesPicture } from "./volumePicture.js";

/** The options of `medsam segment-volume`. */
export interface SegmentVolumeOptions {
  readonly box?: readonly Box[];
  readonly slice?: number;
  readonly box3d?: readonly Box3d[];
  readonly promptsFrom?: string;
  readonly everySlice?: boolean;
  readonly plane?: PlaneName;
  readonly series?: number;
  readonly margin: number;
  readonly checkpoint?: string;
  readonly backend: BackendName | "auto";
  readonly preset?: string;
  readonly intensity?: string;
  readonly crop?: number;
  readonly out: string;
  readonly json?: boolean;
}

/** Segments objects in one volume and writes its files; all of them or, when it fails or is interrupted, none. */
export async function runSegmentVolume(
  path: string,
  options: SegmentVolumeOptions,
  signal: AbortSignal,
): Promise<void> {
  checkPrompts(options);
  assertPreset(options);
  const reading = new Progress("reading the volume");
  const { series, intensity } = options;
  const source = await readVolumeWithSource(path, {
    ...{ signal, onProgress: (share) => reading.update(share) },
    ...(series !== undefined && { series }),
  }).finally(() => reading.stop());
  for (const warning of source.volume.warnings) console.error(`medsam: ${warning}`);
  const axis = axisOf(source.volume, options.plane);
  const objects = await objectsOf(source.volume, axis, options);
  const files = volumeFiles(path, source.images !== undefined, options.out);
  assertMayWriteVolume(files);
  const eightBit = eightBitVolume(source.volume, intensity);

  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(options.checkpoint);
  const named = options.preset === undefined ? defaultPreset(model.config) : findPreset(options.preset);
  // The volume was scaled as a whole: nothing is left for the preset's own intensities to do.
  const preset = withIntensity(named, FULL_RANGE);
  const { crop, margin } = options;
  const predictor = new SamPredictor(model, { preset, ...(crop !== undefined && { crop }) });
  const progress = new Progress("segmenting");
  let found: VolumeSegmentation;
  try {
    found = await segmentVolume(predictor, eightBit.volume, objects, {
      ...{ axis, margin, signal },
      onProgress: (share) => progress.update(share),
    });
  } finally {
    progress.stop();
    predictor.dispose();
    model.dispose();
  }
  const written = filesWithout(files, found);
  const document = {
    volume: { file: basename(resolve(path)), size: source.volume.size, ...placeOf(source.volume) },
    objects: found.objects.map(({ label, slices }) => ({ label, ...amountOf(found.labels, label), slices })),
    files: Object.fromEntries(
      Object.entries<string>({ ...written }).map(([what, file]) => [what, basename(file)]),
    ),
    provenance: {
      ...{ package: "medsam-tfjs", version: PACKAGE_VERSION, checkpoint, preset: preset.name },
      ...{ intensity: eightBit.intensity, axis, margin, backend },
      ...(crop !== undefined && { crop }),
    },
  };
  signal.throwIfAborted();
  const picture = slicesPicture(eightBit.volume, found, axis);
  await writeVolumeFiles(files, found, {
    document,
    picture,
    ...(source.images && { images: source.images }),
  });
  if (options.json) console.log(JSON.stringify({ ...document, files: written }, null, 2));
  else print(document, written, checkpoint.embedded);
}

/** @throws UsageError when it is not clear what to segment. */
function checkPrompts({ box, slice, box3d, promptsFrom, everySlice }: SegmentVolumeOptions): void {
  const kinds = [box, box3d, promptsFrom].filter((given) => given !== undefined).length;
  if (kinds === 0)
    throw new UsageError("no prompt: expected --box x0,y0,x1,y1 --slice k, or --box3d, or --prompts-from");
  if (promptsFrom !== undefined && kinds > 1)
    throw new UsageError("--prompts-from goes without --box and --box3d");
  if ((box === undefined) !== (slice === undefined))
    throw new UsageError("--box and --slice go together: the slice is the one that the boxes are drawn in");
  if (everySlice && promptsFrom === undefined) throw new UsageError("--every-slice goes with --prompts-from");
}

/** @throws UsageError when the volume does not say which way it lies. */
function axisOf({ name, affine }: Volume, plane: PlaneName | undefined): Axis {
  if (plane === undefined) return 2;
  if (affine === undefined)
    throw new UsageError(`${name}: does not say how it lies in the patient; leave --plane out for its slices as stored`); // prettier-ignore
  return axisAcross(affine, plane);
}

async function objectsOf(
  volume: Volume,
  axis: Axis,
  { box = [], slice = 0, box3d = [], promptsFrom, everySlice }: SegmentVolumeOptions,
): Promise<VolumeObject[]> {
  if (promptsFrom !== undefined) {
    const labels = await readLabelVolumeFile(promptsFrom, volume);
    assertSameGeometry(volume, labels, promptsFrom);
    return objectsFromLabels(labels, { axis, slices: everySlice ? "every" : "middle" });
  }
  const flat = box.map((one) => ({ boxes: new Map([[slice, one]]) }));
  const solid = box3d.map(([x0, y0, z0, x1, y1, z1]) => {
    const middle = Math.floor((z0 + z1) / 2);
    return { boxes: new Map([[middle, [x0, y0, x1, y1] as Box]]), within: [z0, z1] as const };
  });
  return [...flat, ...solid].map((object, index) => ({ label: index + 1, ...object }));
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

interface Printed {
  readonly volume: { readonly file: string; readonly size: readonly number[]; readonly orientation?: string };
  readonly objects: readonly {
    readonly label: number;
    readonly voxels: number;
    readonly millilitres?: number;
    readonly slices: readonly { readonly slice: number }[];
  }[];
  readonly provenance: { readonly preset: string; readonly intensity: string; readonly backend: string };
}

function print({ volume, objects, provenance }: Printed, files: VolumeFiles, embedded: boolean): void {
  const { file, size, orientation } = volume;
  console.log(`${file}, ${size.join(" x ")} voxels${orientation === undefined ? "" : `, ${orientation}`}`);
  for (const { label, voxels, millilitres, slices } of objects) {
    const amount = millilitres === undefined ? "" : `, ${millilitres.toPrecision(3)} ml`;
    console.log(
      voxels === 0
        ? `  object ${label}: nothing found`
        : `  object ${label}: ${thousands(voxels)} voxels${amount}, slices ${slices[0].slice} to ${slices.at(-1)?.slice}`,
    );
  }
  const rows = [
    [`  ${files.labels}`, "object k has the value k"],
    ...(files.segmentation !== undefined
      ? [
          [
            `  ${files.segmentation}`,
            "the same as a DICOM segmentation: it names the patient as its images do",
          ],
        ]
      : []),
    [`  ${files.picture}`, "to look at"],
    [`  ${files.json}`, "numbers, and how to make it again"],
  ];
  console.log(columns(rows));
  const { preset, intensity, backend } = provenance;
  console.log(`Preset ${preset}, intensity ${intensity}, backend ${backend}`);
  if (embedded)
    console.log(
      "These are the small weights in the package, a demonstration; --checkpoint takes MedSAM's own.",
    );
  console.log("Not for clinical use.");
}
