import { intensityPreset, type IntensityPreset } from "../image/intensity.js";
import { realValues } from "./values.js";
import type { Volume } from "./volume.js";

/** Air in a CT: nothing else that is scanned goes as low. */
const AIR = -500;

/**
 * How a volume is shown when nobody says: bytes as they are, CT (by its file's word, or by values as low as air's) in
 * the window for soft tissue, all others from the 0.5 to the 99.5 percentile, as pre_CT_MR.py does.
 */
export function usualIntensity({ data, modality }: Pick<Volume, "data" | "modality">): IntensityPreset {
  if (data instanceof Uint8Array) return intensityPreset("none");
  const isCt = modality === "CT" || (modality === undefined && data.some((value) => value <= AIR));
  return intensityPreset(isCt ? "ct-soft-tissue" : "percentiles");
}

/** A volume in 8 bits, and the name of the intensity preset that made it so. */
export interface EightBitVolume {
  readonly volume: Volume & { readonly data: Uint8Array };
  readonly intensity: string;
}

/**
 * Scales the values of a volume to 0..255 as a whole, as MedSAM does with volumes.
 *
 * @param intensity an intensity preset or its name; default `usualIntensity`.
 * @throws ImageError when there is no such preset, or it cannot be used with these values.
 */
export function eightBitVolume(volume: Volume, intensity?: string | IntensityPreset): EightBitVolume {
  const real = realValues(volume);
  const preset =
    typeof intensity === "string" ? intensityPreset(intensity) : (intensity ?? usualIntensity(real));
  return { volume: { ...real, data: preset.scale(real.data) }, intensity: preset.name };
}
