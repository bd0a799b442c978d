import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parameterShapes } from "../../../src/model/parameterShapes.js";
import { LITE_MEDSAM, TINY, VIT_B, VIT_H, VIT_L, type SamConfig } from "../../../src/model/config.js";
import { configName, recogniseConfig } from "../../../src/model/families.js";
import { sizeOf, type TensorInfo } from "../../../src/weights/checkpoint.js";
import { rejection } from "../weights/safetensorsFile.js";

const { "segment-anything": UPSTREAM } = JSON.parse(
  readFileSync(new URL("../weights/fixtures/names.json", import.meta.url), "utf8"),
) as Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

type Shapes = ReadonlyMap<string, readonly number[]>;

function infos(shapes: Shapes): Map<string, TensorInfo> {
  return new Map([...shapes].map(([path, shape]) => [path, { dtype: "F32", shape }]));
}

const CONFIGS: Readonly<Record<string, SamConfig>> = { VIT_B, VIT_L, VIT_H, TINY, LITE_MEDSAM };

/** Values of the encoder, and of all else. */
function counts(shapes: Shapes): [encoder: number, rest: number] {
  const sum = (inside: boolean) =>
    [...shapes]
      .filter(([path]) => path.startsWith("image_encoder.") === inside)
      .reduce((total, [, shape]) => total + sizeOf(shape), 0);
  return [sum(true), sum(false)];
}

describe("the shapes that a model asks for", () => {
  it("are those of segment-anything, for ViT-B", () => {
    expect(Object.fromEntries(parameterShapes(VIT_B))).toEqual(UPSTREAM);
  });

  // Measured with segment-anything; the rest is 6,220 + 256 of the prompt encoder and 4,058,340 of the decoder.
  it.each([
    ["VIT_B", VIT_B, 314, 89_670_912],
    ["VIT_L", VIT_L, 482, 308_278_272],
    ["VIT_H", VIT_H, 594, 637_026_048],
  ])("have as many values as there: %s", (_, config, tensors, encoder) => {
    const shapes = parameterShapes(config);
    expect(shapes.size).toBe(tensors);
    expect(counts(shapes)).toEqual([encoder, 6_220 + 256 + 4_058_340]);
  });

  it("have 3,696,384 parameters and the Gaussian matrix, for the small checkpoint", () => {
    const [encoder, rest] = counts(parameterShapes(TINY));
    expect(encoder + rest).toBe(3_696_384 + 2 * 64);
  });
});

describe("a configuration", () => {
  it.each(Object.entries(CONFIGS))("is recognised by its shapes: %s", (name, config) => {
    const found = recogniseConfig(infos(parameterShapes(config)), "x");
    expect(found).toEqual(config);
    expect(configName(found)).toBe(name);
  });

  it("is recognised in whatever order the tensors come, beside others", () => {
    const shapes = [...infos(parameterShapes(VIT_B))].reverse();
    expect(recogniseConfig(new Map([["other", { dtype: "I64", shape: [] }], ...shapes]), "x")).toEqual(VIT_B);
  });

  const small: SamConfig = {
    family: "sam",
    imageSize: 96,
    patchSize: 8,
    imageEncoder: {
      type: "ViT",
      embedDim: 24,
      depth: 3,
      numHeads: 2,
      mlpRatio: 2,
      windowSize: 5,
      globalAttnIndexes: [0],
    },
    promptEmbedDim: 32,
    maskInChans: 8,
    maskDecoder: {
      depth: 1,
      numHeads: 8,
      mlpDim: 40,
      numMultimaskOutputs: 2,
      iouHeadDepth: 4,
      iouHeadHiddenDim: 16,
    },
  };

  it("is recognised that nobody named", () => {
    const found = recogniseConfig(infos(parameterShapes(small)), "x");
    expect(found).toEqual(small);
    expect(configName(found)).toBe("custom");
  });

  it("without windows is recognised, with windows as large as the grid", () => {
    const all = { ...small, imageEncoder: { ...small.imageEncoder, globalAttnIndexes: [0, 1, 2] } };
    const found = recogniseConfig(infos(parameterShapes(all)), "x");
    expect(found.imageEncoder).toEqual({ ...all.imageEncoder, windowSize: 12 });
  });

  const without = (path: string) => {
    const tensors = infos(parameterShapes(small));
    tensors.delete(path);
    return tensors;
  };
  const reshaped = (path: string, shape: readonly number[]) =>
    infos(parameterShapes(small)).set(path, { dtype: "F32", shape });

  it.each([
    "image_encoder.pos_embed",
    "image_encoder.patch_embed.proj.weight",
    "image_encoder.neck.0.weight",
    "image_encoder.blocks.0.attn.rel_pos_h",
    "prompt_encoder.mask_downscaling.3.weight",
    "mask_decoder.mask_tokens.weight",
  ])("is none without %s, which the error names", (path) => {
    const message = rejection(() => recogniseConfig(without(path), "x.pth"));
    expect(message).toContain(`x.pth: not recognised as a SAM or MedSAM checkpoint; expected ${path}`);
    expect(message).toContain("got no such tensor");
    expect(message).toContain("medsam inspect");
  });

  it.each<[string, readonly number[]]>([
    ["image_encoder.pos_embed", [144, 24]],
    ["image_encoder.pos_embed", [1, 0, 0, 24]],
    ["image_encoder.blocks.0.attn.rel_pos_h", [23, 13]],
    ["image_encoder.blocks.1.attn.rel_pos_h", [8, 12]],
    ["image_encoder.neck.0.weight", [36, 24, 1, 1]],
    ["mask_decoder.mask_tokens.weight", [0, 32]],
  ])("is none where %s is [%s], which no SAM has", (path, shape) => {
    const message = rejection(() => recogniseConfig(reshaped(path, shape), "x.pth"));
    expect(message).toContain("x.pth: not recognised as a SAM or MedSAM checkpoint");
    expect(message).toContain(path);
    expect(message).toContain(`[${shape}]`);
  });

  it.each([[[5, 195]], [[6, 196]]])("of LiteMedSAM is none with biases of %j", (shape) => {
    const path = "image_encoder.layers.2.blocks.0.attn.attention_biases";
    const tensors = infos(parameterShapes(LITE_MEDSAM)).set(path, { dtype: "F32", shape });
    expect(rejection(() => recogniseConfig(tensors, "x"))).toContain(path);
  });

  it("is none of a file of something else", () => {
    const tensors = new Map<string, TensorInfo>([["encoder.weight", { dtype: "F32", shape: [2, 2] }]]);
    expect(rejection(() => recogniseConfig(tensors, "x"))).toContain("got no such tensor");
    expect(rejection(() => recogniseConfig(new Map(), "x"))).toContain("got no such tensor");
  });
});
