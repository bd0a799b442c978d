import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../../src/backend/useBackend.js";
import { configName, recogniseConfig } from "../../../../src/model/families.js";
import { buildModel, buildSam, buildSam2 } from "../../../../src/model/load.js";
import { parameterShapes } from "../../../../src/model/parameterShapes.js";
import { MEDSAM2, SAM2_1_TINY } from "../../../../src/model/sam2/config.js";
import { SAM2_CONFIGS } from "../../../../src/model/sam2/recogniseSam2.js";
import { Sam2 } from "../../../../src/model/sam2/sam2.js";
import type { Checkpoint, TensorInfo } from "../../../../src/weights/checkpoint.js";
import { CheckpointError } from "../../../../src/weights/checkpoint.js";
import { normaliseKeys } from "../../../../src/weights/keys.js";
import { SAM2_NAMES } from "../../../../src/weights/sam2Names.js";
import { FIXTURES } from "../../weights/pthFile.js";

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Names and shapes of SAM 2.1 tiny's state dict; see tools/convert/make_name_fixtures.py. */
const {
  sam2: ORIGINAL,
  transformers: HUGGING_FACE,
  images: OF_IMAGES,
} = JSON.parse(readFileSync(`${FIXTURES}sam2_names.json`, "utf8")) as {
  sam2: Shapes;
  transformers: Shapes;
  images: string[];
};

const TIED = "prompt_encoder.shared_embedding.positional_embedding";

/** A checkpoint of zeros; `row n` of the point embeddings is n. */
function checkpointOf(shapes: Shapes): Checkpoint {
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape]): [string, TensorInfo] => [name, { dtype: "F32", shape }]),
  );
  return {
    source: "x.pt",
    metadata: {},
    tensors,
    readBytes(name) {
      const { shape } = tensors.get(name)!;
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      if (name === "prompt_encoder.point_embed.weight")
        for (let n = 0; n < values.length; n++) values[n] = Math.floor(n / 256);
      return new Uint8Array(values.buffer);
    },
    close: () => undefined,
  };
}

beforeAll(() => useBackend("cpu"));

describe("SAM 2's names", () => {
  it("are those of the package sam2, with the same shapes", () => {
    expect(Object.keys(ORIGINAL)).toHaveLength(471);
    expect(Object.fromEntries(parameterShapes(MEDSAM2))).toEqual(ORIGINAL);
  });

  it("become those of transformers' Sam2VideoModel, of which Sam2Model has a part", () => {
    const stacked = new Map(SAM2_NAMES.stacked.flatMap(({ originals, huggingFace }) => originals.map((path) => [path, huggingFace]))); // prettier-ignore
    const translated = new Set(
      Object.keys(ORIGINAL).map((path) => stacked.get(path) ?? SAM2_NAMES.toHuggingFace(path)),
    );
    expect([...translated].sort()).toEqual(
      Object.keys(HUGGING_FACE)
        .filter((name) => name !== TIED)
        .sort(),
    );
    for (const name of OF_IMAGES) expect(HUGGING_FACE).toHaveProperty([name]);
  });

  it("come back from transformers', with the point embeddings in rows", () => {
    const { checkpoint } = normaliseKeys(checkpointOf(HUGGING_FACE));
    const shapes = Object.fromEntries([...checkpoint.tensors].map(([path, { shape }]) => [path, shape]));
    expect(shapes).toEqual(ORIGINAL);
    const row = checkpoint.readBytes("sam_prompt_encoder.point_embeddings.3.weight");
    expect([...new Set(new Float32Array(new Uint8Array(row).buffer))]).toEqual([3]);
  });
});

describe("a checkpoint of SAM 2", () => {
  it.each(Object.entries(SAM2_CONFIGS))("%s is recognised by its shapes", (name, config) => {
    const infos = new Map(
      [...parameterShapes(config)].map(([path, shape]): [string, TensorInfo] => [
        path,
        { dtype: "F32", shape },
      ]),
    );
    const found = recogniseConfig(infos, "x.pt");
    // MedSAM2 and SAM 2.1 tiny have the same tensors.
    expect(configName(found)).toBe(name === "SAM2_1_TINY" ? "MEDSAM2" : name);
  });

  it("is taken for MedSAM2 where it may be, which the report says, and for another size where that is asked for", () => {
    const before = tf.memory().numTensors;
    const checkpoint = checkpointOf(ORIGINAL);
    const { model, report } = buildModel(checkpoint);
    expect(model).toBeInstanceOf(Sam2);
    expect(model.config).toEqual(MEDSAM2);
    expect(report.assumed?.join()).toContain("image size 512");
    expect({ ...report, assumed: undefined }).toMatchObject({ missing: [], misshapen: [], unexpected: [] });
    model.dispose();
    const larger = buildSam2(checkpoint, { imageSize: 1024 });
    expect(larger.model.config).toEqual(SAM2_1_TINY);
    expect(larger.report.assumed).toBeUndefined();
    larger.model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is refused where SAM's is asked for, and for sizes that cannot be", () => {
    const checkpoint = checkpointOf(ORIGINAL);
    expect(() => buildSam(checkpoint)).toThrow("holds weights of SAM 2.1 or MedSAM2; expected those of SAM");
    expect(() => buildSam2(checkpoint, { imageSize: 500 })).toThrow(
      /image size 500; expected a multiple of 32/,
    );
  });

  it("of SAM 2.0, of images alone, and of unknown sizes is refused by name", () => {
    const without = (...gone: string[]) =>
      Object.fromEntries(
        Object.entries(ORIGINAL).filter(([path]) => !gone.some((start) => path.startsWith(start))),
      );
    const build = (shapes: Shapes) => () => buildSam2(checkpointOf(shapes));
    expect(build(without("obj_ptr_tpos_proj", "no_obj_embed_spatial"))).toThrow(/weights of SAM 2\.0/);
    const images = Object.fromEntries(OF_IMAGES.map((name) => [name, HUGGING_FACE[name]]));
    expect(build(images)).toThrow(/image part of SAM 2\.1 alone.*Sam2Model/);
    expect(build(without("image_encoder.trunk.blocks.11"))).toThrow(
      /stages of 1, 2, 7, 1 blocks is not known/,
    );
    expect(build(without("memory_encoder.out_proj"))).toThrow(CheckpointError);
    expect(build(without("memory_encoder.out_proj"))).toThrow(/2 missing: memory_encoder\.out_proj/);
  });
});

// As PyTorch counts them.
it.each([
  ["MEDSAM2", 38_962_498, 471],
  ["SAM2_1_SMALL", 46_060_354, 519],
  ["SAM2_1_BASE_PLUS", 80_850_178, 615],
  ["SAM2_1_LARGE", 224_446_642, 903],
] as const)("%s has %i parameters", (name, parameters, entries) => {
  const shapes = [...parameterShapes(SAM2_CONFIGS[name]).values()];
  const sizes = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
  expect(shapes).toHaveLength(entries);
  // Its buffer of random directions is no parameter.
  expect(sizes.reduce((a, b) => a + b, 0) - 256).toBe(parameters);
});
