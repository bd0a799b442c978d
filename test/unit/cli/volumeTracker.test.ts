import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/errors.js";
import { choosePreset } from "../../../src/cli/openPredictor.js";
import { askedFollow, type FollowOptions } from "../../../src/cli/volumeTracker.js";
import { VIT_B } from "../../../src/model/config.js";
import { MEDSAM2 } from "../../../src/model/sam2/config.js";

describe("what objects are followed by", () => {
  test.each<[FollowOptions, "box" | "memory" | undefined]>([
    [{}, undefined],
    [{ margin: 0.1, crop: 2 }, undefined],
    [{ follow: "box", crop: 2 }, "box"],
    [{ follow: "memory" }, "memory"],
    [{ preset: "medsam2_infer_CT_lesion_npz_recist" }, "memory"],
    [{ preset: "MedSAM_Inference" }, "box"],
    [{ preset: "SAM2ImagePredictor" }, "box"],
  ])("%j", (options, follow) => {
    expect(askedFollow(options)).toBe(follow);
  });

  test.each<[FollowOptions, RegExp]>([
    [{ follow: "memory", crop: 2 }, /--crop goes with --follow box; by memory the model sees whole slices/],
    [{ preset: "infer_CT_LUNA25", margin: 0.1 }, /--margin goes with --follow box/],
    [{ follow: "memory", cache: "kept" }, /--cache goes with --follow box/],
    [
      { follow: "box", preset: "medsam2_infer_video" },
      /--follow box with --preset medsam2_infer_video, which/,
    ],
    [{ follow: "memory", preset: "MedSAM_demo" }, /for single slices; expected one of medsam2_infer_3D_CT, /],
  ])("what does not go together is refused: %j", (options, message) => {
    expect(() => askedFollow(options)).toThrow(UsageError);
    expect(() => askedFollow(options)).toThrow(message);
  });
});

test("a preset of MedSAM2's scripts is refused for images where the weights are MedSAM's", () => {
  const preset = "medsam2_infer_3D_CT";
  expect(choosePreset({ preset }, MEDSAM2).name).toBe(preset);
  expect(() => choosePreset({ preset }, VIT_B)).toThrow(UsageError);
  expect(() => choosePreset({ preset }, VIT_B)).toThrow(
    /is for weights of SAM 2\.1 or MedSAM2; these are of SAM/,
  );
});
