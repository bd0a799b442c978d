import type { Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";
import { assertComplete, CheckpointParameters, ParamScope, type LoadReport } from "../weights/paramScope.js";
import type { SamConfig } from "./config.js";
import { recogniseConfig } from "./recognise.js";
import { Sam } from "./sam.js";

export interface BuildOptions {
  /** Default: recognised from the checkpoint's shapes. */
  readonly config?: SamConfig;
  /** Give missing and misshapen parameters their initial values instead of failing. Default false. */
  readonly allowIncomplete?: boolean;
}

/**
 * Builds a SAM from an open checkpoint with any of the key styles that `normaliseKeys` knows. Closes nothing.
 *
 * @throws CheckpointError when it is no SAM, or naming every missing and misshapen tensor.
 */
export function buildSam(
  checkpoint: Checkpoint,
  options: BuildOptions = {},
): { model: Sam; report: LoadReport } {
  const { checkpoint: plain, renamed } = normaliseKeys(checkpoint);
  const config = options.config ?? recogniseConfig(plain.tensors, plain.source);
  const source = new CheckpointParameters(plain, renamed);
  const model = new Sam(new ParamScope(source), config);
  const report = source.report();
  if (options.allowIncomplete !== true) {
    try {
      assertComplete(report, plain.source);
    } catch (error) {
      model.dispose();
      throw error;
    }
  }
  return { model, report };
}
