import type { ModelConfig } from "../model/config.js";
import { familyOf } from "../model/families.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { Sam2 } from "../model/sam2/sam2.js";
import type { EmbeddingCache } from "../predictor/embeddingCache.js";
import { findPreset, MEDSAM2_INFER_3D_CT, PRESETS } from "../predictor/presetTable.js";
import { SamPredictor } from "../predictor/samPredictor.js";
import { Sam2VideoPredictor } from "../predictor/videoPredictor.js";
import { BoxTracker } from "../predictor/volume/boxTracker.js";
import type { Margin } from "../predictor/volume/endOfObject.js";
import { MemoryTracker } from "../predictor/volume/memoryTracker.js";
import type { Tracker } from "../predictor/volume/tracker.js";
import { UsageError } from "./errors.js";
import { slicePreset, type VolumeSettings } from "./volumeCase.js";

/** What a command line says of following objects; what is left out depends on the weights. */
export interface FollowOptions {
  readonly follow?: Tracker["follow"];
  readonly preset?: string;
  readonly margin?: Margin;
  readonly crop?: number;
  readonly cache?: string;
}

/** A tracker, what to tell of it, and how to free what it holds beside the model. */
export interface OpenedTracker {
  readonly tracker: Tracker;
  readonly settings: Pick<VolumeSettings, "preset" | "imageSize" | "margin" | "crop">;
  dispose(): Promise<void>;
}

/**
 * What following objects goes by, as far as the options tell. Before the weights are opened, which may take long.
 *
 * @throws UsageError for options that do not go together.
 */
export function askedFollow({ follow, preset, ...boxOptions }: FollowOptions): Tracker["follow"] | undefined {
  const memory = preset === undefined ? undefined : findPreset(preset).memory !== undefined;
  if (follow === "box" && memory === true)
    throw new UsageError(
      `--follow box with --preset ${preset}, which follows by memory; leave one of them out`,
    );
  if (follow === "memory" && memory === false)
    throw new UsageError(
      `--follow memory with --preset ${preset}, which is for single slices; expected one of ` +
        PRESETS.flatMap((known) => (known.memory === undefined ? [] : [known.name])).join(", "),
    );
  const asked = follow ?? (memory === undefined ? undefined : memory ? "memory" : "box");
  if (asked === "memory") assertNoBoxOptions(boxOptions);
  return asked;
}

/**
 * What weights of a configuration follow objects by: by their memory where they have one and nothing else is asked for,
 * else by boxes.
 *
 * @throws UsageError for options that do not fit the weights.
 */
export function chosenFollow(config: ModelConfig, options: FollowOptions): Tracker["follow"] {
  const hasMemory = config.family === "sam2";
  const asked = askedFollow(options);
  if (asked === "memory" && !hasMemory) {
    const what = options.follow === undefined ? `--preset ${options.preset}` : "--follow memory";
    throw new UsageError(
      `${what} needs weights with a memory, MedSAM2's or SAM 2.1's; these are of ${familyOf(config).title}`,
    );
  }
  if (!hasMemory || asked === "box") return "box";
  assertNoBoxOptions(options);
  return "memory";
}

/** What follows objects with a model. @throws UsageError as `chosenFollow`. */
export function openTracker(
  model: PromptableModel,
  options: FollowOptions,
  cache?: EmbeddingCache,
): OpenedTracker {
  const { imageSize } = model.config;
  const follow = chosenFollow(model.config, options);
  if (follow === "memory" && model instanceof Sam2) {
    const preset = slicePreset(options.preset ?? MEDSAM2_INFER_3D_CT.name, model.config);
    const predictor = new Sam2VideoPredictor(model, { preset });
    return {
      tracker: new MemoryTracker(predictor),
      settings: { preset: preset.name, imageSize },
      dispose: () => predictor.dispose(),
    };
  }
  const { margin, crop } = options;
  const preset = slicePreset(options.preset, model.config);
  const predictor = new SamPredictor(model, { preset, ...(crop !== undefined && { crop }), ...(cache && { cache }) }); // prettier-ignore
  const tracker = new BoxTracker(predictor, { ...(margin !== undefined && { margin }) });
  return {
    tracker,
    settings: { preset: preset.name, imageSize, margin: tracker.margin, crop: predictor.crop },
    dispose: () => predictor.dispose(),
  };
}

/** @throws UsageError where one is given. */
function assertNoBoxOptions({ margin, crop, cache }: FollowOptions): void {
  const given = Object.entries({ "--margin": margin, "--crop": crop, "--cache": cache });
  const [flag] = given.find(([, value]) => value !== undefined) ?? [];
  if (flag !== undefined)
    throw new UsageError(`${flag} goes with --follow box; by memory the model sees whole slices, each once`);
}
