import { withImageSize } from "../model/families.js";
import { messageOf, UsageError } from "./errors.js";
import { choosePreset, type ImageOptions } from "./openPredictor.js";
import { isVolume, type CaseJob } from "./segmentJobs.js";
import { assertMultimask, lookAtWeights } from "./severalMasks.js";
import { chosenFollow, type FollowOptions } from "./volumeTracker.js";

/** What decides how the results of many cases look, beside the weights. */
export interface CaseOptions extends ImageOptions, Pick<FollowOptions, "follow"> {
  readonly imageSize?: number;
}

/** Those of a command's options; what was not given is left out. */
export function caseOptions(options: CaseOptions): CaseOptions & { readonly multimask: boolean } {
  const { multimask = false, preset, intensity, crop, follow, imageSize } = options;
  const given = Object.entries({ preset, intensity, crop, follow, imageSize });
  return { multimask, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
}

/** Before anything is made. @throws UsageError for options that do not fit the cases or the weights. */
export async function assertCaseOptions(
  jobs: readonly CaseJob[],
  options: CaseOptions & { readonly checkpoint?: string },
): Promise<void> {
  await assertMultimask(options);
  const { follow, imageSize, checkpoint } = options;
  const { config } = await lookAtWeights(checkpoint);
  choosePreset(options, config);
  if (jobs.some(isVolume)) chosenFollow(config, options);
  else if (follow !== undefined)
    throw new UsageError(`--follow ${follow} is for volumes, and the table has none`);
  try {
    if (imageSize !== undefined) withImageSize(config, imageSize);
  } catch (error) {
    throw new UsageError(`--image-size: ${messageOf(error)}`);
  }
}
