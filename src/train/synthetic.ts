import { maskBox, type Mask, type PixelBox } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import { Random } from "./random.js";
import { toImage } from "./synthetic/finish.js";
import { drawLook } from "./synthetic/looks.js";
import { clearMasks, paintObjects, type ObjectPlan } from "./synthetic/objects.js";
import { Scene } from "./synthetic/scene.js";

/** Size and kind of a generated picture. */
export interface SyntheticOptions {
  /** Side of the picture in pixels; default 256. */
  readonly size?: number;
  /** High contrast and little noise, for the beginning of a training. Default false. */
  readonly easy?: boolean;
  /** `rings` has only the thin walls of hollow objects, which `general` never has. Default `general`. */
  readonly domain?: SyntheticDomain;
}

/** What is drawn: all kinds of shapes, or thin walls only. */
export type SyntheticDomain = "general" | "rings";

/** A generated picture with what is to be found in it: at least one object. */
export interface SyntheticPicture {
  /** Grey or RGB, 8 bits. */
  readonly image: PixelImage;
  readonly objects: readonly SyntheticObject[];
  /** What it imitates: `ct`, `mr`, `ultrasound` and so on. */
  readonly look: string;
}

/** An object of a generated picture, exactly. */
export interface SyntheticObject {
  readonly mask: Mask;
  /** The tight box around it. */
  readonly box: PixelBox;
}

/** In pixels: smaller ones have no room for what looks like anything. */
const LEAST_SIZE = 64;
/** Difference between the sides of an outline, of black to white, below which an object does not count. */
const LEAST_CONTRAST = 0.03;

/**
 * Generates a picture that looks like a medical one, with exact masks: random shapes of random looks, in the manner of
 * scanners and cameras. The same seed and index give the same picture, whatever was generated before.
 *
 * Sources of the idea: SynthSeg (Billot et al., 2023), random intensities by region; AnyStar (Dey et al., 2024), shapes
 * of any look; SynthMorph (Hoffmann et al., 2022), random shapes.
 */
export function synthesize(
  seed: number,
  index: number,
  { size = 256, easy = false, domain = "general" }: SyntheticOptions = {},
): SyntheticPicture {
  if (!Number.isInteger(size) || size < LEAST_SIZE)
    throw new RangeError(
      `synthetic picture: size is ${size}; expected a whole number of at least ${LEAST_SIZE}`,
    );
  const stream = new Random(seed).split(index);
  // Most pictures have an object that can be seen; the others are made anew.
  for (let attempt = 0; ; attempt++) {
    const picture = paintPicture(stream.split(attempt), size, easy, domain);
    if (picture.objects.length > 0) return picture;
  }
}

function paintPicture(
  random: Random,
  size: number,
  easy: boolean,
  domain: SyntheticDomain,
): SyntheticPicture {
  const look = drawLook(random);
  const scene = new Scene(random, size, look.channels);
  look.background(scene);
  const plan = look.objects(easy, random);
  const hollow = domain === "rings" ? ringsOf(plan) : plan;
  const placed = paintObjects(scene, hollow);
  look.finish(scene, easy);
  const objects = clearMasks(scene, placed, LEAST_CONTRAST).flatMap((mask) => {
    const box = maskBox(mask);
    return box === undefined ? [] : [{ mask, box }];
  });
  return { image: toImage(scene), objects, look: look.name };
}

/** The same objects hollowed out to a thin wall, as vessels, bowels and hearts have one. */
function ringsOf(plan: ObjectPlan): ObjectPlan {
  const [least, most] = plan.sizes;
  return {
    ...plan,
    sizes: [Math.max(least, 28), Math.max(most, 60)],
    style: (random) => {
      const style = plan.style(random);
      const hole = random.uniform(0.7, 0.85);
      return {
        ...style,
        outline: { ...style.outline, hole },
        core: undefined,
        lens: false,
        halo: 0,
        mottle: undefined,
        limb: 0,
        fading: undefined,
      };
    },
  };
}
