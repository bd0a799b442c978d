import { maskArea } from "../../image/mask.js";
import { gridOf } from "../../volume/labels.js";
import { planeOf, type Axis } from "../../volume/values.js";
import type { LabelVolume, Volume } from "../../volume/volume.js";
import type { TrackedMask } from "./tracker.js";
import type { VolumeObject } from "./volumeObject.js";

/** An object in one slice. */
export interface SliceMask extends Omit<TrackedMask, "object" | "mask"> {
  readonly pixels: number;
}

/** Labels of a volume, and how each object was followed through it. */
export interface VolumeSegmentation {
  /** In the place of the volume. Where objects overlap the later one counts. */
  readonly labels: LabelVolume;
  /** In the order given; slices ascending. */
  readonly objects: readonly { readonly label: number; readonly slices: readonly SliceMask[] }[];
}

/** Collects masks, and lays them into labels: the later object over the earlier. */
export class VolumeResult {
  private readonly found: SliceMask[][];
  private readonly labels: Uint8Array | Uint16Array;
  private readonly orders: ReadonlyMap<number, number>;

  constructor(
    private readonly volume: Volume,
    private readonly objects: readonly VolumeObject[],
    private readonly axis: Axis,
  ) {
    const [width, height, depth] = volume.size;
    const largest = Math.max(...objects.map(({ label }) => label));
    this.labels = new (largest > 255 ? Uint16Array : Uint8Array)(width * height * depth);
    this.orders = new Map(objects.map(({ label }, order) => [label, order]));
    this.found = objects.map(() => []);
  }

  add({ object: index, mask, ...about }: TrackedMask): void {
    this.found[index].push({ ...about, pixels: maskArea(mask) });
    const { width, height, start, right, down } = planeOf(this.volume.size, this.axis, about.slice);
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (!mask.data[i]) continue;
        const at = start + x * right + y * down;
        if ((this.orders.get(this.labels[at]) ?? -1) <= index) this.labels[at] = this.objects[index].label;
      }
  }

  finish(): VolumeSegmentation {
    return {
      labels: { ...gridOf(this.volume), data: this.labels },
      objects: this.objects.map(({ label }, index) => ({
        label,
        slices: this.found[index].sort((a, b) => a.slice - b.slice),
      })),
    };
  }
}
