import type { Beside } from "./beside.js";
import { gridOf, laidOn, toLabels } from "./labels.js";
import { openNrrd } from "./nrrd.js";
import type { Segment } from "./segments.js";
import type { Grid, LabelVolume, Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** Most segments of a file; there are at most as many labels. */
const MOST_SEGMENTS = 65535;

/** A segment as 3D Slicer stores it: a value in one of the layers, which lie over each other. */
interface StoredSegment extends Omit<Segment, "label"> {
  readonly layer: number;
  readonly value: number;
}

/**
 * Labels from an NRRD file. A segmentation of 3D Slicer (`.seg.nrrd`), which is cut to what is segmented, is laid on the
 * voxels of its image; its segments keep their values, or are numbered from 1 where layers use a value twice.
 *
 * @param image whose voxels a segmentation is to be on; without it, it has its own.
 * @throws VolumeError when it cannot be read, a value is no integer of 0..65535, or the segmentation lies elsewhere.
 */
export async function readNrrdLabels(
  bytes: Uint8Array,
  name: string,
  { beside, image }: { readonly beside?: Beside; readonly image?: Grid } = {},
): Promise<LabelVolume> {
  const { volume, pairs } = await openNrrd(bytes, name, beside);
  const segments = segmentsOf(pairs, volume);
  if (segments.length === 0) return toLabels(volume);
  const labels = fromLayers(volume, segments);
  return image === undefined ? labels : laidOn(labels, image, name);
}

function segmentsOf(pairs: ReadonlyMap<string, string>, { name, frames }: Volume): StoredSegment[] {
  const segments: StoredSegment[] = [];
  for (let n = 0; n < MOST_SEGMENTS && pairs.has(`Segment${n}_ID`); n++) {
    const text = (key: string) => pairs.get(`Segment${n}_${key}`);
    // Before Slicer 4.11 each segment had a layer of its own, and neither was said.
    const number = (key: string, otherwise: number): number => {
      const value = Number(text(key) ?? otherwise);
      if (Number.isInteger(value) && value >= 0 && value <= 65535) return value;
      throw new VolumeError(`${name}: Segment${n}_${key} is "${text(key)}"; expected an integer of 0..65535`);
    };
    const [red, green, blue] = (text("Color") ?? "")
      .split(/\s+/)
      .map((part) => Math.round(255 * Number(part)));
    segments.push({
      name: text("Name") ?? text("ID")!,
      layer: number("Layer", frames === 1 ? 0 : n),
      value: number("LabelValue", 1),
      ...([red, green, blue].every((part) => part >= 0 && part <= 255) && { colour: [red, green, blue] }),
    });
  }
  return segments;
}

/** One label a voxel: of segments that overlap the last one counts, which a warning says. */
function fromLayers(volume: Volume, stored: readonly StoredSegment[]): LabelVolume {
  const { name, frames, data } = volume;
  const wrong = stored.find(({ layer }) => layer >= frames);
  if (wrong !== undefined)
    throw new VolumeError(
      `${name}: segment "${wrong.name}" is in layer ${wrong.layer}; expected 0..${frames - 1}`,
    );
  const values = stored.map(({ value }) => value);
  const isUnique = new Set(values).size === values.length && !values.includes(0);
  const segments = stored.map(({ name, colour, value }, n) => ({ label: isUnique ? value : n + 1, name, ...(colour && { colour }) })); // prettier-ignore
  const area = data.length / frames;
  const labels = new Uint16Array(area);
  let overlapping = 0;
  for (let layer = 0; layer < frames; layer++) {
    const own = toLabels({ ...volume, frames: 1, data: data.subarray(layer * area, (layer + 1) * area) });
    const numbers = new Map(segments.flatMap(({ label }, n) => (stored[n].layer === layer ? [[stored[n].value, label] as const] : []))); // prettier-ignore
    for (let i = 0; i < area; i++) {
      const value = own.data[i];
      if (value === 0) continue;
      if (labels[i] !== 0) overlapping++;
      labels[i] = numbers.get(value) ?? unnamed(name, value, layer);
    }
  }
  const largest = Math.max(...segments.map(({ label }) => label));
  return {
    ...gridOf(volume),
    data: largest > 255 ? labels : Uint8Array.from(labels),
    segments,
    warnings:
      overlapping === 0
        ? []
        : [`${name}: segments overlap in ${overlapping} voxels; the one in the last layer counts there`],
  };
}

function unnamed(name: string, value: number, layer: number): never {
  throw new VolumeError(
    `${name}: has the value ${value} in layer ${layer}, which no segment names; save the segmentation again`,
  );
}
