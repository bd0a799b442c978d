import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { maskArea } from "../image/mask.js";
import type { LabelImage } from "../image/pixels.js";
import type { TrackedMask } from "../predictor/volume/tracker.js";
import type { VolumeObject } from "../predictor/volume/volumeObject.js";
import type { SliceMask } from "../predictor/volume/volumeResult.js";
import { ScratchFile } from "../video/scratchFile.node.js";

const [compress, decompress] = [promisify(deflateRaw), promisify(inflateRaw)];

/** A mask in the scratch file. */
interface KeptMask {
  readonly about: SliceMask;
  readonly start: number;
  readonly length: number;
}

/** An object, and where it was found. */
export interface TrackedObject {
  readonly label: number;
  /** Frames ascending. */
  readonly frames: readonly SliceMask[];
}

/** Masks of a video in a temporary file, so that a long video needs no more memory than a short one. */
export class TrackedMasks {
  private readonly kept: Map<number, KeptMask>[];
  private end = 0;

  private constructor(
    private readonly scratch: ScratchFile,
    private readonly size: { readonly width: number; readonly height: number },
    private readonly asked: readonly VolumeObject[],
  ) {
    this.kept = asked.map(() => new Map<number, KeptMask>());
  }

  /** @throws VideoError when there is no room for it. */
  static async open(
    size: { readonly width: number; readonly height: number },
    objects: readonly VolumeObject[],
  ): Promise<TrackedMasks> {
    return new TrackedMasks(await ScratchFile.open(), size, objects);
  }

  /** @throws VideoError when the disk is full. */
  async add({ object, mask, ...about }: TrackedMask): Promise<void> {
    const pixels = maskArea(mask);
    const bytes = pixels === 0 ? new Uint8Array() : await compress(mask.data, { level: 1 });
    await this.scratch.append(bytes);
    this.kept[object].set(about.slice, {
      about: { ...about, pixels },
      start: this.end,
      length: bytes.length,
    });
    this.end += bytes.length;
  }

  /** In the order asked for. */
  get objects(): TrackedObject[] {
    return this.asked.map(({ label }, index) => ({
      label,
      frames: [...this.kept[index].values()].map(({ about }) => about).sort((a, b) => a.slice - b.slice),
    }));
  }

  /** Frames with something in them, ascending. */
  get found(): number[] {
    const frames = this.objects.flatMap(({ frames: own }) => own.filter(({ pixels }) => pixels > 0));
    return [...new Set(frames.map(({ slice }) => slice))].sort((a, b) => a - b);
  }

  /** The labels of a frame. Where objects overlap the later one counts. */
  async labels(frame: number): Promise<LabelImage> {
    const { width, height } = this.size;
    const most = Math.max(...this.asked.map(({ label }) => label));
    const data = new (most > 255 ? Uint16Array : Uint8Array)(width * height);
    for (const [index, { label }] of this.asked.entries()) {
      const known = this.kept[index].get(frame);
      if (known === undefined || known.about.pixels === 0) continue;
      const mask = await decompress(await this.scratch.read(known.start, known.length));
      for (let i = 0; i < data.length; i++) if (mask[i]) data[i] = label;
    }
    return { width, height, data };
  }

  close(): Promise<void> {
    return this.scratch.close();
  }
}
