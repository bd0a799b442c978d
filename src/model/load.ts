import type { Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";
import {
  assertComplete,
  checkpointParameters,
  compareShapes,
  type LoadReport,
} from "../weights/paramScope.js";
import type { SamConfig } from "./config.js";
import { parameterShapes } from "./parameterShapes.js";
import { recogniseConfig } from "./families.js";
import { Sam } from "./sam.js";

/** How a model is built from a checkpoint. */
export interface BuildOptions<Config extends SamConfig = SamConfig> {
  /** Default: recognised from the checkpoint's shapes. With it, the model's type tells which image encoder it has. */
  readonly config?: Config;
  /** Give missing and misshapen parameters their initial values instead of failing. Default false. */
  readonly allowIncomplete?: boolean;
}

/** How `loadMedSam` builds a model, and what it tells of that. */
export interface LoadOptions<Config extends SamConfig = SamConfig> extends BuildOptions<Config> {
  /** Told once what was renamed, missing, misshapen and left out, as `buildSam` returns it. */
  readonly onReport?: (report: LoadReport) => void;
}

/**
 * Builds a SAM from an open checkpoint with any of the key styles that `normaliseKeys` knows. Closes nothing.
 *
 * @throws CheckpointError when it is no SAM, or naming the tensors that are missing or misshapen.
 */
export function buildSam<Config extends SamConfig = SamConfig>(
  checkpoint: Checkpoint,
  options: BuildOptions<Config> = {},
): { model: Sam<Config>; report: LoadReport } {
  const { checkpoint: plain, renamed, dropped } = normaliseKeys(checkpoint);
  // Without `options.config` nothing infers a narrower type than any configuration's.
  const config = options.config ?? (recogniseConfig(plain.tensors, plain.source) as Config);
  // By shapes first: a checkpoint that does not fit is refused before a value is read or made.
  const report = { renamed, dropped, ...compareShapes(parameterShapes(config), plain.tensors) };
  if (options.allowIncomplete !== true) assertComplete(report, plain.source);
  return { model: new Sam(checkpointParameters(plain), config), report };
}
