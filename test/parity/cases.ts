import * as tf from "@tensorflow/tfjs";
import { trace, type TracedTensor } from "../../src/inspect/trace.js";
import { Gelu } from "../../src/layers/activation.js";
import { CXBlock } from "../../src/layers/convNext.js";
import { Conv2d, ConvTranspose2d, DepthwiseConv2d } from "../../src/layers/convolution.js";
import { GridAttention } from "../../src/layers/gridAttention.js";
import type { Layer, LayerOutput } from "../../src/layers/layer.js";
import { Linear } from "../../src/layers/linear.js";
import { Mlp, MlpBlock, type MlpConfig } from "../../src/layers/mlp.js";
import { MultiScaleAttention } from "../../src/layers/multiScaleAttention.js";
import { LayerNorm, LayerNorm2d } from "../../src/layers/norm.js";
import { PatchEmbed } from "../../src/layers/patchEmbed.js";
import { RotaryAttention } from "../../src/layers/rotaryAttention.js";
import { TokenAttention } from "../../src/layers/tokenAttention.js";
import { readConfig, type SamConfig } from "../../src/model/config.js";
import { EncoderBlock } from "../../src/model/imageEncoder.js";
import type { PromptableInput } from "../../src/model/promptableModel.js";
import { MultiScaleBlock } from "../../src/model/sam2/hiera.js";
import { Sam } from "../../src/model/sam.js";
import { TwoWayAttentionBlock } from "../../src/model/twoWayTransformer.js";
import type { ParamScope } from "../../src/weights/paramScope.js";
import { findPreset, prepareImage } from "../../src/predictor/presetTable.js";
import { SamPredictor } from "../../src/predictor/samPredictor.js";
import type { Box, LogitMap } from "../../src/predictor/types.js";
import type { LimitName } from "./check.js";
import { oracleParameters } from "./oracle.js";
import { toTensor, under, type Fixture } from "./tensors.js";

// What the fixtures hold, built and run; the same in Node and in a browser.

type TestedLayer = Layer<(tf.Tensor | number)[], LayerOutput>;
type Build = (params: ParamScope, options: never) => unknown;

/** Every kind of layer that the fixtures have. */
export const BUILD: Readonly<Record<string, Build>> = {
  Linear: (params, options) => new Linear(params, options),
  Conv2d: (params, options) => new Conv2d(params, options),
  DepthwiseConv2d: (params, options) => new DepthwiseConv2d(params, options),
  ConvTranspose2d: (params, options) => new ConvTranspose2d(params, options),
  LayerNorm: (params, options) => new LayerNorm(params, options),
  LayerNorm2d: (params, options) => new LayerNorm2d(params, options),
  Gelu: () => new Gelu(),
  MlpBlock: (params, options: { dim: number; hiddenDim: number }) =>
    new MlpBlock(params, { ...options, act: new Gelu() }),
  Mlp: (params, { act, ...options }: MlpConfig & { act?: string }) =>
    new Mlp(params, { ...options, ...(act === "gelu" && { act: new Gelu() }) }),
  PatchEmbed: (params, options) => new PatchEmbed(params, options),
  GridAttention: (params, options) => new GridAttention(params, options),
  EncoderBlock: (params, options) => new EncoderBlock(params, options),
  TokenAttention: (params, options) => new TokenAttention(params, options),
  RotaryAttention: (params, options) => new RotaryAttention(params, options),
  MultiScaleAttention: (params, options) => new MultiScaleAttention(params, options),
  MultiScaleBlock: (params, options) => new MultiScaleBlock(params, options),
  CXBlock: (params, options) => new CXBlock(params, options),
  TwoWayAttentionBlock: (params, options: { skipFirstLayerPe: boolean }) =>
    new TwoWayAttentionBlock(params, options as never, options.skipFirstLayerPe),
};

/** More than one operation deep. */
const BLOCKS = new Set([
  "GridAttention",
  "EncoderBlock",
  "TokenAttention",
  "RotaryAttention",
  "MultiScaleAttention",
  "MultiScaleBlock",
  "CXBlock",
  "TwoWayAttentionBlock",
  "MlpBlock",
  "Mlp",
]);

/** A layer of a fixture with its inputs. */
export function loadLayer(fixture: Fixture) {
  const { layer: kind, options } = fixture.case as { layer: string; options: never };
  const layer = BUILD[kind](oracleParameters(), options) as TestedLayer;
  // Maps go in where maps come out; the patch embedding alone turns one into tokens.
  const isMap = layer.layout === "nhwc" || kind === "PatchEmbed";
  const inputs = [...under(fixture.tensors, "input.")].map(([key, value]) => ({
    key,
    value: toTensor(value, isMap),
  }));
  // Files keep names in alphabetical order; arguments have their own.
  const order = ["x", "q", "k", "v", "queries", "keys", "query_pe", "key_pe"];
  inputs.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
  const rest = [fixture.case["options"] as { numKExcludeRope?: number }].flatMap(
    (o) => o.numKExcludeRope ?? [],
  );
  const run = (values: readonly tf.Tensor[]) => layer.call(...values, ...rest);
  return { fixture, layer, isMap, inputs, run };
}

/** The limit of a layer's values. */
export function layerLimit(fixture: Fixture): LimitName {
  return BLOCKS.has(String(fixture.case["layer"])) ? "block" : "operation";
}

/** The layer's outputs and intermediates. Frees everything. */
export async function forwardLayer({
  layer,
  inputs,
  run,
}: ReturnType<typeof loadLayer>): Promise<Map<string, TracedTensor>> {
  const { result, tensors } = await trace(layer, ["**"], () => run(inputs.map(({ value }) => value)));
  const got = new Map([...tensors].map(([path, value]) => [path === "" ? "output" : path, value]));
  for (const key of ["queries", "keys"]) {
    const value = tensors.get(key);
    if (value !== undefined) got.set(`output.${key}`, value);
  }
  tf.dispose([result, inputs.map(({ value }) => value)]);
  layer.dispose();
  return got;
}

/** A small model of a fixture with its inputs. */
export function loadModel(fixture: Fixture) {
  const { config, multimask } = fixture.case as { config: unknown; multimask: boolean };
  const model = new Sam(oracleParameters(), readConfig(config) as SamConfig);
  const inputs = under(fixture.tensors, "input.");
  const tensor = (key: string, isMap = false) => {
    const value = inputs.get(key);
    return value && toTensor(value, isMap);
  };
  const input: PromptableInput = {
    images: tensor("image", true)!,
    pointCoords: tensor("point_coords"),
    pointLabels: tensor("point_labels"),
    boxes: tensor("boxes"),
    maskInputs: tensor("mask_input", true),
    multimaskOutput: multimask,
  };
  return { fixture, model, input };
}

export function disposeInput(input: PromptableInput): void {
  tf.dispose(Object.values(input).filter((value) => value instanceof tf.Tensor));
}

/** The limit of a module of a model. */
export function modelLimit(path: string): LimitName {
  if (path.includes("image_encoder")) return "encoder";
  return path.includes("mask_decoder") ? "logits" : "block";
}

/** The model's outputs and intermediates. Frees everything. */
export async function forwardModel({
  model,
  input,
}: ReturnType<typeof loadModel>): Promise<Map<string, TracedTensor>> {
  const { result, tensors } = await trace(model, ["**"], () => model.call(input));
  tf.dispose(result);
  disposeInput(input);
  model.dispose();
  return tensors;
}

const PRESET: Readonly<Record<string, string>> = {
  medsam: "MedSAM_Inference",
  sam: "SamPredictor",
  lite: "LiteMedSAM",
};

/** Maps of B prompts with M candidates each, as PyTorch holds them: [B, M, h, w]. */
function stack(maps: readonly (readonly LogitMap[])[]): TracedTensor {
  const [[{ width, height }]] = maps;
  const values = Float32Array.from(maps.flatMap((row) => row.flatMap(({ data }) => [...data])));
  return { shape: [maps.length, maps[0].length, height, width], values };
}

/** What a predictor of a fixture computes on the way, and how many mask pixels are unlike the maps of PyTorch. Frees everything. */
export async function forwardPredictor(name: string, fixture: Fixture) {
  const model = new Sam(oracleParameters(), readConfig(fixture.case["config"]) as SamConfig);
  const preset = findPreset(PRESET[name]);
  const pixels = fixture.tensors.get("input.pixels")!;
  const [height, width] = pixels.shape;
  const image = { width, height, channels: 3, data: Uint8Array.from(pixels.values) } as const;
  const flat = [...fixture.tensors.get("input.boxes")!.values];
  const boxes = [flat.slice(0, 4), flat.slice(4)] as unknown as Box[];

  const predictor = new SamPredictor(model, { preset });
  await predictor.setImage(image);
  const multimaskOutput = name === "sam";
  const predictions = await predictor.predictBoxes(boxes, { multimaskOutput, returnLogits: true });

  const { pixels: input, frame } = prepareImage(preset, image, model.config.imageSize);
  const { side } = frame;
  const planes = [0, 1, 2].flatMap((c) => Array.from({ length: side * side }, (_, n) => input[3 * n + c]));
  const prepared = { shape: [1, 3, side, side], values: Float32Array.from(planes) };
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const logits = stack(predictions.map((p) => p.logits!));
  const maps = name === "medsam" ? { ...logits, values: logits.values.map(sigmoid) } : logits;
  const tensors = new Map<string, TracedTensor>([
    ["prepared", prepared],
    ["low_res_logits", stack(predictions.map((p) => p.lowResLogits))],
    [
      "iou_predictions",
      {
        shape: [boxes.length, predictions[0].scores.length],
        values: Float32Array.from(predictions.flatMap((p) => [...p.scores])),
      },
    ],
    ["maps", maps],
  ]);
  const expected = fixture.tensors.get("maps")!.values;
  const inside = predictions.flatMap((p) => p.masks.flatMap(({ data }) => [...data]));
  const differ = inside.filter((value, n) => value !== (expected[n] > preset.threshold ? 1 : 0)).length;
  await predictor.dispose();
  model.dispose();
  return { tensors, differ, area: inside.filter((value) => value === 1).length };
}

export function predictorLimit(path: string): LimitName {
  return path.endsWith("prepared") ? "operation" : "logits";
}
