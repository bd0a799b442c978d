import * as tf from "@tensorflow/tfjs";
import { observeLayers, type AnyLayer } from "../layers/layer.js";
import type { ModelConfig } from "../model/config.js";
import { familyOf } from "../model/families.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { sizeOf } from "../weights/checkpoint.js";
import { ParamScope } from "../weights/paramScope.js";
import { whileCounting, type Counts } from "./countingBackend.js";

/** A layer of the tree, and what one prediction for one box takes of it and of all below it. */
export interface LayerSummary {
  readonly path: string;
  /** Name of its class. */
  readonly layer: string;
  /** Its output with PyTorch's axes; nothing when it has several (they are among the values), or does not run. */
  readonly shape?: readonly number[];
  /** Numbers that can be trained. */
  readonly parameters: number;
  /** Products with an addition, in matrix products and convolutions. */
  readonly multiplyAdds: number;
  /** Bytes of its output, in single precision. */
  readonly outputBytes: number;
  /**
   * The most bytes that exist at once while it runs, beyond what existed before: in the form that GPUs and the native
   * backend take, where attention over many tokens is computed in blocks.
   */
  readonly peakBytes: number;
}

/** A value that a trace can give: a layer's output, or a named intermediate. */
export interface ValueSummary {
  readonly path: string;
  /** With PyTorch's axes. */
  readonly shape: readonly number[];
}

/** A model's layers and values with their sizes. */
export interface ModelSummary {
  /** Parents first. */
  readonly layers: readonly LayerSummary[];
  /** In the order in which they are computed. */
  readonly values: readonly ValueSummary[];
}

/**
 * Shapes, parameters, multiply-adds and memory of a model as it is, with whatever layers were put into it: its forward
 * pass for one image and one box, on shapes alone. Takes no memory, and a fraction of a second at any size.
 *
 * @throws Error when shapes do not fit, or are not known without values.
 */
export function summariseModel(model: PromptableModel): ModelSummary {
  return whileCounting((counts) => summarise(model, counts));
}

/** The same for a configuration, without weights. */
export function summariseConfig(config: ModelConfig): ModelSummary {
  return whileCounting((counts) => {
    const model = familyOf(config).build(new ParamScope({ values: () => undefined }), config);
    try {
      return summarise(model, counts);
    } finally {
      model.dispose();
    }
  });
}

function summarise(model: PromptableModel, counts: Counts): ModelSummary {
  const paths = new Map([...model.namedLayers()].map(([path, layer]) => [layer, path]));
  const values = new Map<string, ValueSummary>();
  const shapes = new Map<AnyLayer, readonly number[]>();
  const meter = new Meter(counts);
  const { imageSize: side } = model.config;
  tf.tidy(() => {
    const images = tf.zeros([1, side, side, 3]);
    const boxes = tf.zeros([1, 4]);
    observeLayers(
      {
        wants: (layer, name) => {
          // What is computed for the observer alone does not count.
          if (name !== "") counts.paused = true;
          return paths.has(layer);
        },
        observe: (layer, name, value) => {
          const isMap = name === "" ? layer.layout === "nhwc" : layer.mapOutputs.includes(name);
          const [batch, height, width, channels] = value.shape;
          const shape = isMap ? [batch, channels, height, width] : [...value.shape];
          const path = [paths.get(layer), name].filter((part) => part !== "").join(".");
          values.set(path, { path, shape });
          if (name === "") shapes.set(layer, shape);
          counts.paused = false;
        },
        enter: () => meter.enter(),
        leave: (layer) => meter.leave(layer),
      },
      () => model.call({ images, boxes, multimaskOutput: false }),
    );
  });
  const layers = [...paths].map(([layer, path]): LayerSummary => {
    const shape = shapes.get(layer);
    const { multiplyAdds, peakBytes } = meter.of(layer);
    const trained = [...layer.namedParameters().values()].filter(({ value }) => value.trainable);
    return {
      path,
      layer: layer.constructor.name,
      ...(shape !== undefined && { shape }),
      parameters: trained.reduce((sum, parameter) => sum + sizeOf(parameter.shape), 0),
      multiplyAdds,
      outputBytes: shape === undefined ? 0 : 4 * sizeOf(shape),
      peakBytes,
    };
  });
  return { layers, values: [...values.values()] };
}

interface Measured {
  multiplyAdds: number;
  peakBytes: number;
}

/** What layers take, each with all that it calls. */
class Meter {
  private readonly measured = new Map<AnyLayer, Measured>();
  private readonly running: {
    readonly multiplyAdds: number;
    readonly bytes: number;
    readonly peak: number;
  }[] = [];

  constructor(private readonly counts: Counts) {}

  enter(): void {
    const { counts } = this;
    this.running.push({ multiplyAdds: counts.multiplyAdds, bytes: counts.bytes, peak: counts.peak });
    counts.peak = counts.bytes;
  }

  leave(layer: AnyLayer): void {
    const { counts } = this;
    const start = this.running.pop();
    if (start === undefined) return;
    const before = this.of(layer);
    this.measured.set(layer, {
      // A layer that runs twice takes the products of both.
      multiplyAdds: before.multiplyAdds + counts.multiplyAdds - start.multiplyAdds,
      peakBytes: Math.max(before.peakBytes, counts.peak - start.bytes),
    });
    counts.peak = Math.max(counts.peak, start.peak);
  }

  of(layer: AnyLayer): Measured {
    return this.measured.get(layer) ?? { multiplyAdds: 0, peakBytes: 0 };
  }
}
