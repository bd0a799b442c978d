import type { Random } from "../random.js";
import { smoothField, texture } from "./fields.js";
import type { Patch, Warp } from "./shape.js";

/** One number for a grey picture, three for one in colour, about 0 to 1. */
export type Tone = readonly number[];

/** How a shape is filled. */
export interface Fill {
  readonly tone: Tone;
  /** Share of what is below that is covered, 0 to 1. */
  readonly opacity: number;
  /** Width of the edge in pixels. */
  readonly softness: number;
  readonly texture: Float32Array;
  /** Deviation of the texture. */
  readonly grain: number;
  /** Light rising across the shape, from edge to edge. */
  readonly shade: readonly [x: number, y: number];
  /** A brighter or darker seam along the outline. */
  readonly rim?: { readonly width: number; readonly change: number };
  /** A brighter or darker middle, from a share of the greatest depth on. */
  readonly core?: { readonly from: number; readonly change: number };
  /** Thicker towards the middle, as in a projection: little is covered at the edge. */
  readonly lens?: boolean;
  /** Brighter and darker parts that belong to the shape: smooth, or with edges of their own. */
  readonly mottle?: { readonly field: Float32Array; readonly change: number; readonly sharpness: number };
  /** The share of what is uneven below, about its mean, that shows through: a stain more than a thing of its own. */
  readonly relief?: { readonly share: number; readonly mean: Tone };
  /** Darker towards the outline by so much, as a ball in light from the front. */
  readonly limb?: number;
  /** From the middle to one side it is lost in what is below, by `share` there. */
  readonly fading?: Fading;
}

export interface Fading {
  readonly share: number;
  /** Direction of that side. */
  readonly x: number;
  readonly y: number;
}

/** Most that shows through from below, so that a bone below a lesion does not hide it. */
const MOST_RELIEF = 0.2;
/** Share of the greatest depth up to which the limb reaches. */
const LIMB_DEPTH = 0.7;

/** A picture while it is made: planes of about 0 to 1, and what its parts share. */
export class Scene {
  readonly planes: readonly Float32Array[];
  /** Where objects may lie; everywhere when it is not set. */
  region?: Uint8Array;
  readonly warp: Warp;
  private readonly textures: readonly Float32Array[];

  constructor(
    readonly random: Random,
    readonly size: number,
    channels: 1 | 3,
  ) {
    this.planes = Array.from({ length: channels }, () => new Float32Array(size * size));
    this.warp = new LazyWarp(random, size);
    const fine = random.logUniform(0.8, 3);
    this.textures = [texture(random, size, fine), texture(random, size, random.uniform(3, 6) * fine)];
  }

  /** Pixels of a picture of 256 a side, in this picture's. */
  px(length: number): number {
    return (length * this.size) / 256;
  }

  /** One of the picture's textures. */
  anyTexture(): Float32Array {
    return this.random.pick(this.textures);
  }

  /** The same grey, or the colour, for each plane. */
  tone(grey: number): number[] {
    return this.planes.map(() => grey);
  }

  fill(tone: Tone): void {
    for (const [channel, plane] of this.planes.entries()) plane.fill(tone[channel]);
  }

  /** Adds texture: by the same amount to a grey picture, in the colour's own hue to another. */
  addTexture(field: Float32Array, deviation: number): void {
    const inHue = this.planes.length > 1;
    for (const plane of this.planes)
      for (let i = 0; i < plane.length; i++) plane[i] += deviation * field[i] * (inHue ? 0.3 + plane[i] : 1);
  }

  /** Mean of what is inside a patch now, by plane. */
  meanUnder({ x0, y0, width, height, depth }: Patch): number[] {
    return this.planes.map((plane) => {
      let [sum, count] = [0, 0];
      for (let y = 0; y < height; y += 2)
        for (let x = 0; x < width; x += 2)
          if (depth[y * width + x] > 0) {
            sum += plane[(y0 + y) * this.size + x0 + x];
            count++;
          }
      return count > 0 ? sum / count : 0;
    });
  }

  /** Fills a shape. */
  paint(patch: Patch, fill: Fill): void {
    const { x0, y0, width, height, depth } = patch;
    const { size } = this;
    const { opacity, softness, grain, texture: field, shade, rim, core, lens, mottle } = fill;
    const { relief, limb, fading } = fill;
    const greatest = depth.reduce((most, value) => (value > most ? value : most), 1e-3);
    const coreFrom = core === undefined ? Infinity : core.from * greatest;
    const coreWidth = 0.25 * greatest;
    const limbWidth = LIMB_DEPTH * greatest;
    const inHue = this.planes.length > 1;
    for (let y = 0; y < height; y++) {
      const down = y / height - 0.5;
      for (let x = 0; x < width; x++) {
        const d = depth[y * width + x];
        let alpha = d / softness + 0.5;
        if (alpha <= 0) continue;
        if (alpha > 1) alpha = 1;
        if (lens === true) alpha *= Math.sqrt(d > 0 ? d / greatest : 0);
        alpha *= opacity;
        const i = (y0 + y) * size + x0 + x;
        const over = x / width - 0.5;
        if (fading !== undefined) {
          const aside = Math.min(Math.max(2.2 * (fading.x * over + fading.y * down), 0), 1);
          alpha *= 1 - fading.share * aside;
        }
        let change = grain * field[i] + shade[1] * down + shade[0] * over;
        if (limb !== undefined && d < limbWidth) change -= limb * (1 - Math.max(d, 0) / limbWidth) ** 2;
        if (rim !== undefined && d < 2 * rim.width) change += rim.change * Math.min(1, 2 - d / rim.width);
        if (d > coreFrom && core !== undefined)
          change += core.change * Math.min(1, (d - coreFrom) / coreWidth);
        if (mottle !== undefined)
          change += mottle.change * Math.min(Math.max(mottle.sharpness * mottle.field[i], -1), 1);
        for (let channel = 0; channel < this.planes.length; channel++) {
          const plane = this.planes[channel];
          const tone = fill.tone[channel];
          let target = tone + change * (inHue ? 0.3 + tone : 1);
          if (relief !== undefined) {
            const kept = relief.share * (plane[i] - relief.mean[channel]);
            target += Math.min(Math.max(kept, -MOST_RELIEF), MOST_RELIEF);
          }
          plane[i] += alpha * (target - plane[i]);
        }
      }
    }
  }

  /** Multiplies all planes by a plane. */
  multiply(factors: Float32Array): void {
    for (const plane of this.planes) for (let i = 0; i < plane.length; i++) plane[i] *= factors[i];
  }
}

/** Made when a first shape is uneven. */
class LazyWarp implements Warp {
  private readonly made = new Map<string, Float32Array>();

  constructor(
    private readonly random: Random,
    private readonly size: number,
  ) {}

  get coarse(): Float32Array {
    return this.field("coarse", [5, 9]);
  }

  get fine(): Float32Array {
    return this.field("fine", [16, 36]);
  }

  private field(name: string, bumps: readonly [number, number]): Float32Array {
    let field = this.made.get(name);
    if (field === undefined) {
      const random = this.random.split(name);
      field = smoothField(random, this.size, random.integer(...bumps));
      this.made.set(name, field);
    }
    return field;
  }
}

/** A fill without anything but its tone. */
export function flat(scene: Scene, tone: Tone, grain = 0): Fill {
  return { tone, opacity: 1, softness: 1.5, texture: scene.anyTexture(), grain, shade: [0, 0] };
}
