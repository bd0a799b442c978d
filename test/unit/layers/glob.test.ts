import { describe, expect, it } from "vitest";
import { matchGlobs } from "../../../src/layers/glob.js";

const NAMES = [
  "image_encoder",
  "image_encoder.blocks.0.attn",
  "image_encoder.blocks.11.attn",
  "image_encoder.blocks.0.attn.qkv",
  "mask_decoder.transformer",
];

describe("patterns over paths", () => {
  it.each([
    ["image_encoder", ["image_encoder"]],
    ["image_encoder.blocks.*.attn", ["image_encoder.blocks.0.attn", "image_encoder.blocks.11.attn"]],
    ["image_encoder.**.qkv", ["image_encoder.blocks.0.attn.qkv"]],
    ["**", NAMES],
    ["*", ["image_encoder"]],
    ["mask_*.transformer", ["mask_decoder.transformer"]],
    ["image_encoder.blocks.1.attn", []],
  ])("%s", (pattern, expected) => expect(matchGlobs([pattern], NAMES)).toEqual(expected));
});
