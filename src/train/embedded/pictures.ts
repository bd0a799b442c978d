import type { Mask } from "../../image/mask.js";
import { Random } from "../random.js";
import { synthesize, type SyntheticPicture } from "../synthetic.js";

/** Sides of the pictures that are generated. */
export const PICTURE_SIZE = 256;
/** Steps over which the task grows from the easiest to its whole width. */
const GROWTH_STEPS = 2500;
const EASY_SHARE = { first: 0.6, last: 0.2 } as const;
/** Pictures that a step may be drawn from, and those of them that the step before could not. */
const CHOICE = 32;
const FRESH = 4;

/** How far the task has grown at a step, from 0 to 1. */
export function grownAt(step: number): number {
  return Math.min(1, step / GROWTH_STEPS);
}

/** A picture, and all its objects as one mask. */
export interface TrainingPicture extends SyntheticPicture {
  readonly foreground: Mask;
}

/**
 * An endless row of generated pictures. Each step is drawn from a window of it that moves on by a few: a picture is
 * seen about twice, by other crops and prompts, and half of the time that generating takes is saved. What is drawn depends on
 * seed and step alone; what is kept here only saves time.
 */
export class TrainingPictures {
  private readonly kept = new Map<number, TrainingPicture>();

  constructor(private readonly seed: number) {}

  /** One of the pictures of a step. */
  draw(step: number, random: Random): TrainingPicture {
    const first = step * FRESH;
    for (const index of this.kept.keys()) if (index < first) this.kept.delete(index);
    return this.at(first + random.integer(0, CHOICE - 1));
  }

  private at(index: number): TrainingPicture {
    const known = this.kept.get(index) ?? this.generate(index);
    this.kept.set(index, known);
    return known;
  }

  private generate(index: number): TrainingPicture {
    const grown = grownAt(Math.floor(index / FRESH));
    const share = EASY_SHARE.first + (EASY_SHARE.last - EASY_SHARE.first) * grown;
    const easy = new Random(this.seed).split(`easy ${index}`).chance(share);
    const picture = synthesize(this.seed, index, { size: PICTURE_SIZE, easy });
    return { ...picture, foreground: union(picture) };
  }
}

function union({ objects, image: { width, height } }: SyntheticPicture): Mask {
  const data = new Uint8Array(width * height);
  for (const { mask } of objects) for (let i = 0; i < data.length; i++) if (mask.data[i]) data[i] = 1;
  return { width, height, data };
}
