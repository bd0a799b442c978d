import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../../../src/weights/byteSource.js";
import type { Checkpoint } from "../../../src/weights/checkpoint.js";
import { normaliseKeys } from "../../../src/weights/keys.js";
import { fromHuggingFace, toHuggingFace } from "../../../src/weights/samNames.js";
import { readPth } from "../../../src/weights/pth.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { fixture, FIXTURES } from "./pthFile.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

/** Names and shapes of ViT-B's state dict; see tools/convert/make_name_fixtures.py. */
const { "segment-anything": ORIGINAL, transformers: HUGGING_FACE } = JSON.parse(
  readFileSync(`${FIXTURES}names.json`, "utf8"),
) as Readonly<Record<"segment-anything" | "transformers", Readonly<Record<string, readonly number[]>>>>;

const GAUSSIAN = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
const TIED = ["shared_image_embedding", "prompt_encoder.shared_embedding"].map(
  (module) => `${module}.positional_embedding`,
);

/** A checkpoint of these names. Each tensor's values begin with the number behind it; by default all are 0, 1, 2, ... */
function checkpointOf(names: readonly (string | readonly [string, number])[]): Checkpoint {
  const tensors = names.map((entry) => {
    const [name, first] = typeof entry === "string" ? [entry, 0] : entry;
    return countingTensor(name, "F32", [2], first);
  });
  return readSafetensors(bytesSource(safetensorsBytes(tensors, { format: "pt" }), "x"));
}

describe("Hugging Face's names", () => {
  it("are those of all 314 original ones, with the same shapes", () => {
    const translated = Object.entries(ORIGINAL).map(([name, shape]) => [toHuggingFace(name), shape]);
    expect(translated).toHaveLength(314);
    const { [TIED[1]]: second, ...once } = HUGGING_FACE;
    expect(Object.fromEntries(translated)).toEqual(once);
    expect(second).toEqual(ORIGINAL[GAUSSIAN]);
  });

  it("come back to the original ones, all 315 of them", () => {
    for (const name of Object.keys(ORIGINAL)) expect(fromHuggingFace(toHuggingFace(name))).toBe(name);
    const back = Object.entries(HUGGING_FACE).map(([name, shape]) => [fromHuggingFace(name), shape]);
    expect(back).toHaveLength(315);
    expect(Object.fromEntries(back)).toEqual(ORIGINAL);
  });

  // Shapes cannot tell these from their neighbours.
  it.each([
    ["vision_encoder.layers.7.layer_norm2.bias", "image_encoder.blocks.7.norm2.bias"],
    ["vision_encoder.neck.layer_norm2.weight", "image_encoder.neck.3.weight"],
    [
      "mask_decoder.transformer.layers.1.layer_norm3.weight",
      "mask_decoder.transformer.layers.1.norm3.weight",
    ],
    ["mask_decoder.iou_prediction_head.proj_in.bias", "mask_decoder.iou_prediction_head.layers.0.bias"],
    ["mask_decoder.iou_prediction_head.layers.0.bias", "mask_decoder.iou_prediction_head.layers.1.bias"],
    ["mask_decoder.iou_prediction_head.proj_out.bias", "mask_decoder.iou_prediction_head.layers.2.bias"],
    [
      "mask_decoder.output_hypernetworks_mlps.3.layers.0.weight",
      "mask_decoder.output_hypernetworks_mlps.3.layers.1.weight",
    ],
    ["prompt_encoder.point_embed.2.weight", "prompt_encoder.point_embeddings.2.weight"],
    ["prompt_encoder.mask_embed.layer_norm1.weight", "prompt_encoder.mask_downscaling.1.weight"],
    [TIED[0], GAUSSIAN],
    [TIED[1], GAUSSIAN],
  ])("%s is %s", (huggingFace, original) => {
    expect(fromHuggingFace(huggingFace)).toBe(original);
  });
});

describe("normalising names", () => {
  it("leaves original ones alone", () => {
    const names = Object.keys(ORIGINAL);
    const { checkpoint, renamed, dropped } = normaliseKeys(checkpointOf(names));
    expect(new Set(checkpoint.tensors.keys())).toEqual(new Set(names));
    expect([renamed, dropped]).toEqual([[], []]);
    expect(checkpoint).toMatchObject({ source: "x", metadata: { format: "pt" } });
  });

  it("translates Hugging Face's, and leaves the second of the tied copies out", () => {
    const { checkpoint, renamed, dropped } = normaliseKeys(checkpointOf(Object.keys(HUGGING_FACE)));
    expect(new Set(checkpoint.tensors.keys())).toEqual(new Set(Object.keys(ORIGINAL)));
    expect(dropped).toHaveLength(1);
    const [tied] = renamed.filter(([, path]) => path === GAUSSIAN);
    expect(new Set([tied[0], dropped[0]])).toEqual(new Set(TIED));
    expect([...checkpoint.readBytes(GAUSSIAN)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it.each(TIED)("takes the positional embedding from %s where it is the only one", (name) => {
    const names = Object.keys(HUGGING_FACE).filter((other) => other === name || !TIED.includes(other));
    const { checkpoint, dropped } = normaliseKeys(checkpointOf(names));
    expect(checkpoint.tensors.has(GAUSSIAN)).toBe(true);
    expect(dropped).toEqual([]);
  });

  it("of a file with tied weights is what PyTorch saved", () => {
    const { checkpoint, dropped } = normaliseKeys(readPth(bytesSource(fixture("hugging_face"))));
    expect([...checkpoint.tensors.keys()]).toEqual([
      GAUSSIAN,
      "image_encoder.pos_embed",
      "image_encoder.blocks.0.norm1.weight",
      "mask_decoder.iou_prediction_head.layers.0.weight",
      "mask_decoder.iou_prediction_head.layers.1.weight",
      "mask_decoder.iou_prediction_head.layers.2.weight",
    ]);
    expect(dropped).toEqual([TIED[1]]);
    const second = checkpoint.readBytes("mask_decoder.iou_prediction_head.layers.1.weight");
    expect(new DataView(second.buffer, second.byteOffset).getFloat32(0, true)).toBe(10);
  });

  const WRAPPERS = ["_orig_mod.", "model.", "sam.", "medsam_model.", "net.", "module."];
  const PREFIXES = [...WRAPPERS, ...WRAPPERS.flatMap((outer) => WRAPPERS.map((inner) => outer + inner))];
  it("strips what wrappers put before them, alone and one in the other, in both styles", () => {
    for (const prefix of [...PREFIXES, "base_model.model.", "student.module._orig_mod."])
      for (const names of [ORIGINAL, HUGGING_FACE].map((style) => Object.keys(style))) {
        const { checkpoint, renamed } = normaliseKeys(checkpointOf(names.map((name) => prefix + name)));
        expect(new Set(checkpoint.tensors.keys()), prefix).toEqual(new Set(Object.keys(ORIGINAL)));
        expect(renamed).toHaveLength(314);
      }
  });

  const pathsOf = (...names: Parameters<typeof checkpointOf>[0]) => {
    const { checkpoint, dropped } = normaliseKeys(checkpointOf(names));
    return { paths: [...checkpoint.tensors.keys()], dropped };
  };

  it("strips a prefix of the model's parts though other tensors lack it", () => {
    const names = ["n_averaged", "loss.weight", "module.image_encoder.pos_embed", "module.pixel_mean"];
    expect(pathsOf(...names)).toEqual({
      paths: ["loss.weight", "image_encoder.pos_embed", "n_averaged"],
      dropped: ["module.pixel_mean"],
    });
  });

  it("strips what torch.compile puts inside, where only a part was compiled", () => {
    const names = ["image_encoder._orig_mod.pos_embed", "mask_decoder.iou_token.weight"];
    expect(pathsOf(...names).paths).toEqual(["image_encoder.pos_embed", "mask_decoder.iou_token.weight"]);
  });

  it("strips each part's prefix where they have different ones", () => {
    const names = ["encoder.image_encoder.pos_embed", "head.mask_decoder.iou_token.weight"];
    expect(pathsOf(...names).paths).toEqual(["image_encoder.pos_embed", "mask_decoder.iou_token.weight"]);
  });

  it("leaves alone a second model inside of the first, and names without a part of a SAM", () => {
    const inside = ["image_encoder.pos_embed", "ema.image_encoder.pos_embed"];
    expect(pathsOf(...inside).paths).toEqual(inside.toReversed());
    const deeper = ["model.image_encoder.pos_embed", "model.ema.image_encoder.pos_embed"];
    expect(pathsOf(...deeper).paths).toEqual(inside.toReversed());
    expect(pathsOf("module.a", "module.b").paths).toEqual(["module.a", "module.b"]);
  });

  it("refuses two models side by side, and says both names", () => {
    const two = [
      ["teacher.image_encoder.pos_embed", 0] as const,
      ["student.image_encoder.pos_embed", 1] as const,
    ];
    const message = rejection(() => normaliseKeys(checkpointOf(two)));
    expect(message).toContain('"student.image_encoder.pos_embed" and "teacher.image_encoder.pos_embed"');
    expect(message).toContain("remove one");
  });

  it("names what the reader skipped among what is left out", () => {
    const file = { ...checkpointOf(["image_encoder.pos_embed"]), skipped: ["args (argparse.Namespace)"] };
    expect(normaliseKeys(file).dropped).toEqual(["args (argparse.Namespace)"]);
  });

  it.each(["", "module.", "_orig_mod.", "model.", "module.sam_model."])(
    "leaves out constants and counters that nothing uses, with the prefix '%s'",
    (prefix) => {
      for (const path of ["image_encoder.a.bn.bias", "memory_encoder.a.bn.bias"]) {
        const unused = ["pixel_mean", "pixel_std", path.replace("bias", "num_batches_tracked")];
        const names = [...unused, path].map((name) => prefix + name);
        const { checkpoint, dropped } = normaliseKeys(checkpointOf(names));
        expect([...checkpoint.tensors.keys()]).toEqual([path]);
        expect(new Set(dropped)).toEqual(new Set(names.slice(0, 3)));
      }
    },
  );

  it("refuses two tensors of one name that differ in a value, a shape or a type, and says both", () => {
    const encoder = "vision_encoder.pos_embed";
    const differing = checkpointOf([encoder, TIED[0], [TIED[1], 1]]);
    const shaped = readSafetensors(
      bytesSource(
        safetensorsBytes([
          countingTensor(encoder, "F32", [2]),
          countingTensor(TIED[0], "F32", [2, 1]),
          countingTensor(TIED[1], "F32", [1, 2]),
        ]),
      ),
    );
    const typed = readSafetensors(
      bytesSource(
        safetensorsBytes([
          countingTensor(encoder, "F32", [2]),
          countingTensor(TIED[0], "F32", [2]),
          countingTensor(TIED[1], "I32", [2]),
        ]),
      ),
    );
    for (const checkpoint of [differing, shaped, typed]) {
      const message = rejection(() => normaliseKeys(checkpoint));
      for (const name of [...TIED, GAUSSIAN]) expect(message).toContain(name);
    }
  });

  it("knows no tensor by its old name, and closes the checkpoint behind it", () => {
    const { checkpoint } = normaliseKeys(checkpointOf(["module.mask_decoder.a"]));
    const old = () => checkpoint.readBytes("module.mask_decoder.a");
    expect(rejection(old)).toContain('has no tensor "module.mask_decoder.a"');
    checkpoint.close();
    expect(rejection(() => checkpoint.readBytes("mask_decoder.a"))).toContain("closed");
  });
});
