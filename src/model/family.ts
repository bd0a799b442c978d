import type { TensorInfo } from "../weights/checkpoint.js";
import type { Naming } from "../weights/naming.js";
import type { ParamScope } from "../weights/paramScope.js";
import type { ModelConfig } from "./config.js";
import type { PromptableModel } from "./promptableModel.js";

/**
 * Usual choices of what trains. `decoder` is for small data, and for features that are computed once; `encoder+decoder`
 * is MedSAM's own recipe, which leaves the prompt encoder as it is; `lora` are the adapters that `addLora` made.
 */
export const TRAINABLE_PRESETS = ["decoder", "encoder+decoder", "lora", "all"] as const;

/** Name of a usual choice of what trains. */
export type TrainablePreset = (typeof TRAINABLE_PRESETS)[number];

/**
 * Everything that the rest of the package knows of one family of models. Patterns are over state_dict paths (see
 * `globToRegExp`).
 */
export interface Family<Config extends ModelConfig = ModelConfig> {
  /** What its configurations have as `family`. */
  readonly name: Config["family"];
  /** What people call its models, for messages. */
  readonly title: string;
  /** What its files call tensors, and how they are told from others'. */
  readonly naming: Naming;
  /** Known configurations by name. */
  readonly configs: Readonly<Record<string, Config>>;
  /**
   * Reads a configuration off a checkpoint's shapes.
   *
   * @param tensors by state_dict path.
   * @throws CheckpointError naming what is missing.
   */
  recognise(tensors: ReadonlyMap<string, TensorInfo>, source: string): Config;
  /**
   * The same configuration for images of another size; absent where the size stands in the checkpoint.
   *
   * @throws RangeError for a size that cannot be.
   */
  withImageSize?(config: Config, imageSize: number): Config;
  /** What a checkpoint of this configuration does not tell, and was taken by default: a line each. */
  assumed?(config: Config): readonly string[];
  /** Builds the model, taking its parameters from a checkpoint by state_dict path. */
  build(params: ParamScope, config: Config): PromptableModel;
  /** Name of the preset that belongs to a model (see `PRESETS`). */
  preset(config: Config): string;
  /** Blocks or stages of the image encoder, one after the other: what is shown, traced and recomputed one by one. */
  readonly blocks: readonly string[];
  /** Those whose attention is over the embedding's grid, or over windows of it: where they look can be drawn. */
  readonly gridBlocks: readonly string[];
  /** What the first block gets. */
  readonly firstBlockInput: string;
  /** What gets a row of its own in a short table. The first pattern that a path is at or below counts. */
  readonly parts: readonly string[];
  /** Values that a trace takes unless told otherwise. */
  readonly taps: readonly string[];
  /** What trains by each preset; a preset that is missing is not for this family. */
  readonly trainable: Readonly<Partial<Record<TrainablePreset, readonly string[]>>>;
  /** What gets adapters unless told otherwise. */
  readonly loraTargets: readonly string[];
}
