import { Parameter, ParamScope } from "../weights/paramScope.js";
import type { ModelConfig } from "./config.js";
import { familyOf } from "./families.js";

/** PyTorch's shape of every parameter of a model, by state_dict path. */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  familyOf(config).build(new ShapeScope(shapes), config).dispose();
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
