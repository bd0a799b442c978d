import { readFile } from "node:fs/promises";
import { readImageFile, readLabelFile } from "../../image/decode.node.js";
import { FULL_RANGE, intensityPreset, scaleIntensity } from "../../image/intensity.js";
import type { LabelImage, PixelImage } from "../../image/pixels.js";
import { volumeSlice } from "../../volume/values.js";
import type { TrainingCase } from "../cases.js";
import { DataError, type CaseFile, type Examined } from "./caseFile.js";
import { npyImage, npyLabels } from "./npyCase.js";
import { findObjects, objectsOf, type ObjectRule } from "./objects.js";
import { labelSlice, readLabelledVolume, type LabelledVolume } from "./volumeCase.node.js";

/** How files become cases. */
export interface ReadOptions {
  /** Name of an intensity preset. Default: pictures by their full range, volumes as `usualIntensity` says. */
  readonly intensity?: string;
  readonly objects: ObjectRule;
}

/** Volumes that are kept for their next slice, in bytes. */
const KEEP = 2 ** 29;

/** Reads cases one after the other. The same file gives the same case, whatever was read before. */
export class CaseReader {
  /** The volumes read last, the latest at the end. */
  private readonly volumes = new Map<string, LabelledVolume>();

  constructor(private readonly options: ReadOptions) {}

  /**
   * Reads all of a file to see that it can be used.
   *
   * @returns the cases in it: itself, or the slices of a volume that have an object; and its warnings.
   * @throws DataError, VolumeError or ImageError when it cannot be used.
   */
  async examine(file: CaseFile): Promise<Examined> {
    if (!isVolume(file)) {
      const { image, labels } = await this.readPicture(file);
      this.caseOf(file, image, labels);
      return { cases: [file], warnings: [...(image.warnings ?? []), ...(labels.warnings ?? [])] };
    }
    const volume = await this.open(file);
    const slices = Array.from({ length: volume.labels.size[2] }, (_, slice) => slice).filter(
      (slice) => findObjects(labelSlice(volume.labels, slice), this.options.objects).length > 0,
    );
    if (slices.length === 0)
      throw new DataError(`${file.labels}: is empty: none of its slices has an object`);
    return {
      cases: slices.map((slice) => ({ ...file, id: `${file.id} slice ${slice}`, slice })),
      warnings: [...volume.volume.warnings, ...(volume.labels.warnings ?? [])],
    };
  }

  /** @throws DataError, VolumeError or ImageError when it cannot be used. */
  async read(file: CaseFile): Promise<TrainingCase> {
    const { image, labels } = isVolume(file) ? await this.readSlice(file) : await this.readPicture(file);
    return this.caseOf(file, image, labels);
  }

  private caseOf(file: CaseFile, image: PixelImage, labels: LabelImage): TrainingCase {
    if (image.width !== labels.width || image.height !== labels.height)
      throw new DataError(
        `${file.labels}: is ${labels.width} x ${labels.height}; expected ${image.width} x ${image.height}, the ` +
          `size of ${file.image}`,
      );
    return { id: file.id, image, objects: objectsOf(labels, this.options.objects, file.labels) };
  }

  private async readPicture(file: CaseFile): Promise<{ image: PixelImage; labels: LabelImage }> {
    const { intensity } = this.options;
    const stored = isNpy(file.image)
      ? npyImage(await readFile(file.image), file.image)
      : await readImageFile(file.image);
    const labels = isNpy(file.labels)
      ? npyLabels(await readFile(file.labels), file.labels)
      : await readLabelFile(file.labels);
    const preset = intensity === undefined ? FULL_RANGE : intensityPreset(intensity);
    return { image: scaleIntensity(stored, preset), labels };
  }

  private async readSlice(file: CaseFile): Promise<{ image: PixelImage; labels: LabelImage }> {
    const { volume, labels } = await this.open(file);
    const { slice = 0 } = file;
    return { image: volumeSlice(volume, 2, slice), labels: labelSlice(labels, slice) };
  }

  private async open(file: CaseFile): Promise<LabelledVolume> {
    const key = JSON.stringify([file.image, file.labels]);
    const kept = this.volumes.get(key);
    this.volumes.delete(key);
    const volume = kept ?? (await readLabelledVolume(file, this.options.intensity));
    this.volumes.set(key, volume);
    let bytes = 0;
    for (const [
      other,
      {
        volume: { data },
        labels,
      },
    ] of [...this.volumes].reverse()) {
      bytes += data.byteLength + labels.data.byteLength;
      if (bytes > KEEP && other !== key) this.volumes.delete(other);
    }
    return volume;
  }
}

/** Whether a file holds slices. */
export function isVolume({ image }: CaseFile): boolean {
  return !/\.(png|jpe?g|tiff?|npy)$/i.test(image);
}

function isNpy(path: string): boolean {
  return /\.npy$/i.test(path);
}
