import type { Random } from "../random.js";
import type { Mottle, Style } from "./objects.js";
import type { Fading, Scene, Tone } from "./scene.js";
import { randomOutline, type Outline } from "./shape.js";

export interface StyleRange {
  /** Weakest and strongest difference to the surroundings. Signs are drawn by `brighter`. */
  readonly contrast: readonly [low: number, high: number];
  /** Chance that an object is brighter than its surroundings. */
  readonly brighter: number;
  readonly softness: readonly [low: number, high: number];
  /** Deviation of the texture inside. */
  readonly grain: readonly [low: number, high: number];
  /** Chances of a seam, a core, a zone around. */
  readonly rim: number;
  readonly core: number;
  readonly halo: number;
  /** Chances that what is below shows through, and of a darker outline; by default those of most pictures. */
  readonly relief?: number;
  readonly limb?: number;
  readonly outline?: (random: Random) => Outline;
}

/** Draws a style; `easy` raises the contrast. */
export function drawStyle(random: Random, range: StyleRange, easy: boolean): Style {
  const [low, high] = range.contrast;
  const strength = random.logUniform(easy ? Math.max(low, 0.25) : low, Math.max(high, easy ? 0.35 : 0));
  const contrast = (random.chance(range.brighter) ? 1 : -1) * strength;
  const shading = random.chance(0.4) ? 0.6 * strength : 0;
  const { relief = 0.4, limb = 0.2 } = range;
  return {
    outline: (range.outline ?? randomOutline)(random),
    contrast,
    softness: random.uniform(...range.softness),
    grain: random.logUniform(...range.grain),
    opacity: 1,
    shade: [random.uniform(-1, 1) * shading, random.uniform(-1, 1) * shading],
    rim: random.chance(range.rim)
      ? { width: random.uniform(1, 4), change: random.sign() * random.uniform(0.05, 0.3) }
      : undefined,
    core: random.chance(range.core)
      ? { from: random.uniform(0.35, 0.7), change: random.sign() * random.uniform(0.05, 0.2) }
      : undefined,
    halo: random.chance(range.halo) ? random.uniform(3, 9) : 0,
    mottle: drawMottle(random, strength),
    relief: random.chance(relief) ? random.uniform(0.4, 1) : 0,
    limb: random.chance(limb) ? random.uniform(0.3, 1.2) * Math.min(strength, 0.3) : 0,
    fading: easy ? undefined : drawFading(random),
  };
}

/**
 * Of another brightness inside by as much as the object's from its surroundings, or more: lesions, nerves and polyps
 * are seldom of one piece. `strength` is the object's contrast.
 */
function drawMottle(random: Random, strength: number): Mottle | undefined {
  if (!random.chance(0.4)) return undefined;
  return {
    bumps: random.chance(0.5) ? "coarse" : "fine",
    change: random.sign() * random.uniform(0.3, 1.3) * Math.min(strength, 0.3),
    sharpness: random.logUniform(0.6, 4),
  };
}

/** The outline of one side is hard to see, or not to be seen at all: it follows from the rest and from the box. */
function drawFading(random: Random): Fading | undefined {
  if (!random.chance(0.35)) return undefined;
  const angle = random.uniform(0, 2 * Math.PI);
  return { share: random.uniform(0.5, 1), x: Math.cos(angle), y: Math.sin(angle) };
}

/** A grey that differs by the contrast, the other way round where there is no room for it. */
export function greyTone(scene: Scene, under: Tone, contrast: number): Tone {
  const mean = under.reduce((sum, value) => sum + value, 0) / under.length;
  const wanted = mean + contrast;
  const opposite = mean - contrast;
  if (wanted >= 0.02 && wanted <= 0.98) return scene.tone(wanted);
  return scene.tone(opposite >= 0.02 && opposite <= 0.98 ? opposite : contrast > 0 ? 0.98 : 0.02);
}

/** From what is below towards one of some colours, as far as the contrast goes. */
export function towards(under: Tone, target: Tone, contrast: number): Tone {
  const distance = Math.max(...target.map((value, channel) => Math.abs(value - under[channel])), 1e-3);
  const share = Math.min(1.3, Math.abs(contrast) / distance);
  return under.map((value, channel) => Math.min(1, Math.max(0, value + share * (target[channel] - value))));
}

/** A colour near another. */
export function near(random: Random, colour: Tone, spread: number): number[] {
  const light = spread * random.normal();
  return colour.map((value) => Math.min(1, Math.max(0, value + light + 0.5 * spread * random.normal())));
}
