import { intensityPreset } from "../image/intensity.js";
import type { ModelConfig } from "../model/config.js";
import { familyOf } from "../model/families.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { imagePredictor } from "../predictor/imagePredictor.js";
import type { Preset } from "../predictor/presets.js";
import { defaultPreset, findPreset, withIntensity } from "../predictor/presetTable.js";
import type { SamPredictor } from "../predictor/samPredictor.js";
import { UsageError } from "./errors.js";
import type { RunSettings } from "./provenance.js";

/** What a command line says of single images; what is left out depends on the weights. */
export interface ImageOptions {
  readonly preset?: string;
  readonly intensity?: string;
  readonly crop?: number;
  readonly multimask?: boolean;
}

/** What segments single images with a model of any family, and how that is told. */
export function openPredictor(
  model: PromptableModel,
  { checkpoint, backend, ...options }: ImageOptions & Pick<RunSettings, "checkpoint" | "backend">,
): { predictor: SamPredictor; settings: RunSettings } {
  const { intensity, multimask = false } = options;
  const preset = choosePreset(options, model.config);
  const predictor = imagePredictor(model, { preset, crop: options.crop });
  const isSizeChosen = familyOf(model.config).withImageSize !== undefined;
  return {
    predictor,
    settings: {
      checkpoint,
      ...(isSizeChosen && { imageSize: model.config.imageSize }),
      preset: preset.name,
      ...(intensity !== undefined && { intensity }),
      ...{ crop: predictor.crop, backend, multimask },
    },
  };
}

/**
 * The preset of the options, or what belongs to the weights.
 *
 * @throws UsageError for a preset of MedSAM2's scripts where the weights are of another family.
 */
export function choosePreset({ preset, intensity }: ImageOptions, config: ModelConfig): Preset {
  const found = preset === undefined ? defaultPreset(config) : findPreset(preset);
  if (found.memory !== undefined && config.family !== "sam2")
    throw new UsageError(
      `--preset ${found.name} is for weights of SAM 2.1 or MedSAM2; these are of ${familyOf(config).title}`,
    );
  return intensity === undefined ? found : withIntensity(found, intensityPreset(intensity));
}
