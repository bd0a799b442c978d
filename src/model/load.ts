import { CheckpointError, type Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";
import {
  assertComplete,
  checkpointParameters,
  compareShapes,
  type LoadReport,
} from "../weights/paramScope.js";
import type { ModelConfig, SamConfig } from "./config.js";
import { familyOf, familyOfTensors, withImageSize } from "./families.js";
import type { Family } from "./family.js";
import { parameterShapes } from "./parameterShapes.js";
import type { PromptableModel } from "./promptableModel.js";
import type { Sam2Config } from "./sam2/config.js";
import type { Sam2 } from "./sam2/sam2.js";
import { SAM2_FAMILY } from "./sam2/sam2Family.js";
import type { Sam } from "./sam.js";
import { SAM_FAMILY } from "./samFamily.js";

/** How a model is built from a checkpoint. */
export interface BuildOptions<Config extends ModelConfig = ModelConfig> {
  /**
   * Default: recognised from the checkpoint's names and shapes. With it, the model's type tells which image encoder it
   * has.
   */
  readonly config?: Config;
  /**
   * Side of the square that images become, for SAM 2: its checkpoints do not tell. Default: 512 for what may be MedSAM2,
   * 1024 for the larger ones.
   */
  readonly imageSize?: number;
  /** Give missing and misshapen parameters their initial values instead of failing. Default false. */
  readonly allowIncomplete?: boolean;
}

/** How `loadMedSam` builds a model, and what it tells of that. */
export interface LoadOptions<Config extends ModelConfig = SamConfig> extends BuildOptions<Config> {
  /** Told once what was renamed, missing, misshapen, left out and assumed, as `buildModel` returns it. */
  readonly onReport?: (report: LoadReport) => void;
}

/** A model, and what did not fit between it and its checkpoint. */
export interface Built<Model extends PromptableModel> {
  readonly model: Model;
  readonly report: LoadReport;
}

/**
 * Builds a model of any family from an open checkpoint with any of the key styles that `normaliseKeys` knows. Closes
 * nothing.
 *
 * @throws CheckpointError when it is none, or naming the tensors that are missing or misshapen; RangeError for an image
 * size that cannot be.
 */
export function buildModel(checkpoint: Checkpoint, options: BuildOptions = {}): Built<PromptableModel> {
  return build(checkpoint, options);
}

/** `buildModel` for SAM, MedSAM and LiteMedSAM alone. @throws CheckpointError for another family too. */
export function buildSam<Config extends SamConfig = SamConfig>(
  checkpoint: Checkpoint,
  options: BuildOptions<Config> = {},
): Built<Sam<Config>> {
  // Without `options.config` nothing infers a narrower type than any configuration's.
  return build(checkpoint, options, SAM_FAMILY) as unknown as Built<Sam<Config>>;
}

/** `buildModel` for SAM 2.1 and MedSAM2 alone. @throws CheckpointError for another family too. */
export function buildSam2(checkpoint: Checkpoint, options: BuildOptions<Sam2Config> = {}): Built<Sam2> {
  return build(checkpoint, options, SAM2_FAMILY) as Built<Sam2>;
}

/** @param wanted the only family that is asked for. */
function build(checkpoint: Checkpoint, options: BuildOptions, wanted?: Family): Built<PromptableModel> {
  const { checkpoint: plain, renamed, dropped } = normaliseKeys(checkpoint);
  const config = configFor(plain, options, wanted);
  const family = familyOf(config);
  // By shapes first: a checkpoint that does not fit is refused before a value is read or made.
  const shapes = compareShapes(parameterShapes(config), plain.tensors);
  const isAsked = options.config !== undefined || options.imageSize !== undefined;
  const assumed = isAsked ? [] : (family.assumed?.(config) ?? []);
  const report: LoadReport = { renamed, dropped, ...shapes, ...(assumed.length > 0 && { assumed }) };
  if (options.allowIncomplete !== true) assertComplete(report, plain.source);
  return { model: family.build(checkpointParameters(plain), config), report };
}

function configFor(
  { tensors, source }: Checkpoint,
  { config: given, imageSize }: BuildOptions,
  wanted: Family | undefined,
): ModelConfig {
  const family = given === undefined ? familyOfTensors(tensors) : familyOf(given);
  if (wanted !== undefined && family.name !== wanted.name)
    throw new CheckpointError(
      `${source}: holds weights of ${family.title}; expected those of ${wanted.title}`,
    );
  const config = given ?? family.recognise(tensors, source);
  return imageSize === undefined ? config : withImageSize(config, imageSize);
}
