import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import type { SamConfig } from "../../../src/model/config.js";
import { buildSam, type BuildOptions } from "../../../src/model/load.js";
import { parameterShapes } from "../../../src/model/parameterShapes.js";
import { bytesSource } from "../../../src/weights/byteSource.js";
import { sizeOf, type Checkpoint } from "../../../src/weights/checkpoint.js";
import { initialValues, NORMAL } from "../../../src/weights/initial.js";
import { toHuggingFace } from "../../../src/weights/samNames.js";
import { fromFloat32 } from "../../../src/weights/numbers.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { rejection } from "../weights/safetensorsFile.js";

const CONFIG: SamConfig = {
  family: "sam",
  imageSize: 32,
  patchSize: 8,
  imageEncoder: {
    type: "ViT",
    embedDim: 8,
    depth: 2,
    numHeads: 2,
    mlpRatio: 2,
    windowSize: 3,
    globalAttnIndexes: [1],
  },
  promptEmbedDim: 16,
  maskInChans: 8,
  maskDecoder: {
    depth: 1,
    numHeads: 8,
    mlpDim: 12,
    numMultimaskOutputs: 3,
    iouHeadDepth: 2,
    iouHeadHiddenDim: 8,
  },
};
const SHAPES = parameterShapes(CONFIG);
const POSITIONS = "image_encoder.pos_embed";
const TOKENS = "mask_decoder.mask_tokens.weight";
const NECK = "image_encoder.neck.2.weight";

/** Values of a tensor of the checkpoint, in PyTorch's order. */
const valuesOf = (path: string, shape: readonly number[]) => initialValues(path, shape, NORMAL, 7);

/** A checkpoint of the model, with some tensors in other shapes, or none, and with other names. */
function checkpointOf(
  changes: Readonly<Record<string, readonly number[] | undefined>> = {},
  rename: (path: string) => string = (path) => path,
  dtype: "F32" | "F16" = "F32",
): Checkpoint {
  const tensors = [...SHAPES, ...Object.entries(changes).filter(([path]) => !SHAPES.has(path))].flatMap(
    ([path, original]) => {
      const shape = path in changes ? changes[path] : original;
      if (shape === undefined) return [];
      return [{ name: rename(path), dtype, shape, bytes: () => fromFloat32(valuesOf(path, shape), dtype) }];
    },
  );
  return readSafetensors(bytesSource(safetensorsBytes(tensors), "x.pth"));
}

/** Builds it, gives what `look` sees, and leaves no tensor behind. */
function build<T>(
  checkpoint: Checkpoint,
  options: BuildOptions<SamConfig>,
  look: (built: ReturnType<typeof buildSam>) => T,
): T {
  const before = tf.memory().numTensors;
  const built = buildSam(checkpoint, options);
  const seen = look(built);
  built.model.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return seen;
}

/** All values of a model, in PyTorch's order. */
function stateOf({ model }: ReturnType<typeof buildSam>): Record<string, number[]> {
  return Object.fromEntries(
    [...model.namedParameters()].map(([path, parameter]) => [path, [...parameter.toTorch()]]),
  );
}

const EXPECTED = Object.fromEntries([...SHAPES].map(([path, shape]) => [path, [...valuesOf(path, shape)]]));

beforeAll(async () => {
  await tf.setBackend("cpu");
});

describe("building a SAM", () => {
  it("from a checkpoint that fits gives every value to its parameter", () => {
    build(checkpointOf(), {}, (built) => {
      expect(stateOf(built)).toEqual(EXPECTED);
      expect(built.model.config).toEqual(CONFIG);
      expect(built.report).toEqual({ renamed: [], dropped: [], missing: [], misshapen: [], unexpected: [] });
    });
  });

  it.each<[string, (path: string) => string]>([
    ["module. of distributed training", (path) => `module.${path}`],
    ["Hugging Face", toHuggingFace],
  ])("with the names of %s gives the same, and says what was renamed", (_, rename) => {
    build(checkpointOf({}, rename), {}, (built) => {
      expect(stateOf(built)).toEqual(EXPECTED);
      const renamed = [...SHAPES.keys()].map((path) => [rename(path), path]).filter(([a, b]) => a !== b);
      expect(new Set(built.report.renamed.map(String))).toEqual(new Set(renamed.map(String)));
      expect(renamed.length).toBeGreaterThan(0);
    });
  });

  it("from halves widens them", () => {
    build(checkpointOf({}, undefined, "F16"), {}, (built) => {
      const values = stateOf(built)[POSITIONS];
      values.forEach((value, n) => expect(Math.abs(value - EXPECTED[POSITIONS][n])).toBeLessThan(2e-3));
      expect(values).not.toEqual(EXPECTED[POSITIONS]);
    });
  });

  it("leaves the checkpoint open", () => {
    const checkpoint = checkpointOf();
    build(checkpoint, {}, () => undefined);
    expect(checkpoint.readBytes(POSITIONS).length).toBe(4 * 4 * 4 * 8);
  });

  it("reports what nothing asked for", () => {
    const more = checkpointOf({ "image_encoder.extra": [2], "head.weight": [1] });
    const unexpected = build(more, {}, ({ report }) => report.unexpected);
    expect(new Set(unexpected)).toEqual(new Set(["image_encoder.extra", "head.weight"]));
  });
});

const DAMAGED = { [NECK]: [16, 16, 3, 1], "mask_decoder.iou_token.weight": undefined };

describe("a checkpoint that does not fit", () => {
  it("is refused, naming what is missing and misshapen, with nothing read and nothing left behind", () => {
    const before = tf.memory().numTensors;
    const checkpoint: Checkpoint = {
      ...checkpointOf(DAMAGED),
      readBytes: () => expect.fail("a value was read"),
    };
    expect(rejection(() => buildSam(checkpoint))).toBe(
      "x.pth: does not fit the model; 1 missing: mask_decoder.iou_token.weight; " +
        `1 misshapen: ${NECK} expected [16,16,3,3], got [16,16,3,1]`,
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it("names the first of many", () => {
    const message = rejection(() => buildSam(checkpointOf({ [TOKENS]: [7, 16] })));
    expect(message).toMatch(/18 missing: ([\w.]+, ){8}and 10 more; 2 misshapen: /);
  });

  it("is completed with initial values where that is asked for, and reported", () => {
    build(checkpointOf(DAMAGED), { allowIncomplete: true }, (built) => {
      expect(built.report.missing).toEqual(["mask_decoder.iou_token.weight"]);
      expect(built.report.misshapen).toEqual([{ path: NECK, expected: [16, 16, 3, 3], got: [16, 16, 3, 1] }]);
      const state = stateOf(built);
      expect(state[NECK]).toHaveLength(sizeOf([16, 16, 3, 3]));
      expect(state[POSITIONS]).toEqual(EXPECTED[POSITIONS]);
    });
  });

  it("is held to the configuration that is asked for", () => {
    const config = { ...CONFIG, maskInChans: 4 };
    const message = rejection(() => buildSam(checkpointOf(), { config }));
    expect(message).toContain("prompt_encoder.mask_downscaling.0.weight expected [1,1,2,2], got [2,1,2,2]");
  });

  it("is refused when it asks for more than there is memory, though its own tensors are small", () => {
    // A wide neck on a narrow encoder: the decoder would have 10^12 values.
    const checkpoint = checkpointOf({ "image_encoder.neck.0.weight": [1_000_000, 1, 1, 1] });
    expect(rejection(() => buildSam(checkpoint))).toContain("does not fit the model");
  });

  it("is none at all when it holds something else", () => {
    const bytes = safetensorsBytes([{ name: "a", dtype: "U8", shape: [1], bytes: () => new Uint8Array(1) }]);
    expect(rejection(() => buildSam(readSafetensors(bytesSource(bytes, "x"))))).toContain("not recognised");
  });
});
