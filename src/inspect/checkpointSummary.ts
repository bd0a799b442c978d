import { configName, type SamConfig } from "../model/config.js";
import { recogniseConfig } from "../model/recognise.js";
import { Sam } from "../model/sam.js";
import { sizeOf, type TensorInfo } from "../weights/checkpoint.js";
import { Parameter, ParamScope } from "../weights/paramScope.js";

/** What a checkpoint is, read off its shapes alone. All lists are of state_dict paths. */
export interface CheckpointSummary {
  readonly config: SamConfig;
  /** `VIT_B` and so on, or `custom`. */
  readonly name: string;
  /** The model's parts: image encoder, prompt encoder, mask decoder. */
  readonly parts: readonly { readonly path: string; readonly tensors: number; readonly parameters: number }[];
  readonly missing: readonly string[];
  readonly misshapen: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * Recognises a SAM by its shapes and says what is missing from it or too much, without reading a value.
 *
 * @param tensors by state_dict path (see `normaliseKeys`).
 * @throws CheckpointError when it is no SAM.
 */
export function summariseCheckpoint(
  tensors: ReadonlyMap<string, TensorInfo>,
  source: string,
): CheckpointSummary {
  const config = recogniseConfig(tensors, source);
  const shapes = parameterShapes(config);
  const paths = [...shapes.keys()];
  const parts = [...new Set(paths.map((path) => path.split(".")[0]))].map((part) => {
    const own = [...shapes].filter(([path]) => path.startsWith(`${part}.`));
    return {
      path: part,
      tensors: own.length,
      parameters: own.reduce((sum, [, shape]) => sum + sizeOf(shape), 0),
    };
  });
  return {
    config,
    name: configName(config),
    parts,
    missing: paths.filter((path) => !tensors.has(path)),
    misshapen: paths.filter((path) => {
      const got = tensors.get(path);
      return got !== undefined && String(got.shape) !== String(shapes.get(path));
    }),
    unexpected: [...tensors.keys()].filter((path) => !shapes.has(path)),
  };
}

/** PyTorch's shape of every parameter of a model, by state_dict path. */
export function parameterShapes(config: SamConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  new Sam(new ShapeScope(shapes), config).dispose();
  return shapes;
}

/** Writes down what a model asks for, and hands out empty parameters. */
class ShapeScope extends ParamScope {
  constructor(
    private readonly shapes: Map<string, readonly number[]>,
    path = "",
  ) {
    super({ values: () => new Float32Array(0) }, path);
  }

  override at(name: string | number): ShapeScope {
    return new ShapeScope(this.shapes, this.join(String(name)));
  }

  override get(...[name, shape, , layout]: Parameters<ParamScope["get"]>): Parameter {
    this.shapes.set(this.join(name), shape);
    return new Parameter(
      new Float32Array(0),
      shape.map(() => 0),
      layout ?? "same",
    );
  }

  private join(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}
