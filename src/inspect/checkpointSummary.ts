import type { ModelConfig } from "../model/config.js";
import { configName, familyOf, recogniseConfig } from "../model/families.js";
import { parameterShapes } from "../model/parameterShapes.js";
import { sizeOf, type TensorInfo } from "../weights/checkpoint.js";
import { compareShapes } from "../weights/paramScope.js";

/** What a checkpoint is, read off its shapes alone. All lists are of state_dict paths. */
export interface CheckpointSummary {
  readonly config: ModelConfig;
  /** `VIT_B` and so on, or `custom`. */
  readonly name: string;
  /** What people call the models of its family. */
  readonly title: string;
  /** What the file does not tell and was taken by default: a line each. */
  readonly assumed: readonly string[];
  /** The model's parts: image encoder, prompt encoder, mask decoder. */
  readonly parts: readonly { readonly path: string; readonly tensors: number; readonly parameters: number }[];
  readonly missing: readonly string[];
  readonly misshapen: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * Recognises a model by its shapes and says what is missing from it or too much, without reading a value.
 *
 * @param tensors by state_dict path (see `normaliseKeys`).
 * @throws CheckpointError when it is of no known family.
 */
export function summariseCheckpoint(
  tensors: ReadonlyMap<string, TensorInfo>,
  source: string,
): CheckpointSummary {
  const config = recogniseConfig(tensors, source);
  const family = familyOf(config);
  const shapes = parameterShapes(config);
  const { missing, misshapen, unexpected } = compareShapes(shapes, tensors);
  const parts = [...new Set([...shapes.keys()].map((path) => path.split(".")[0]))].map((part) => {
    const own = [...shapes].filter(([path]) => path === part || path.startsWith(`${part}.`));
    return {
      path: part,
      tensors: own.length,
      parameters: own.reduce((sum, [, shape]) => sum + sizeOf(shape), 0),
    };
  });
  return {
    config,
    name: configName(config),
    title: family.title,
    assumed: family.assumed?.(config) ?? [],
    parts,
    missing,
    misshapen: misshapen.map(({ path }) => path),
    unexpected,
  };
}
