import { expect, test } from "vitest";
import { MEDSAM_INFERENCE, PRESETS, SAM_PREDICTOR } from "../../../src/predictor/presetTable.js";
import { learntSeveralMasks, ONE_MASK, trainedMasks } from "../../../src/predictor/severalMasks.js";

test("the presets of SAM's and SAM 2's weights stand for several masks, those of MedSAM's for one", () => {
  const one = PRESETS.filter((preset) => !learntSeveralMasks(preset, {})).map(({ name }) => name);
  expect(one).toEqual(["MedSAM_Inference", "medsam-tiny", "MedSAM_demo", "pre_CT_MR", "pre_grey_rgb", "LiteMedSAM"]); // prettier-ignore
});

test("what a file says of its training goes before the preset", () => {
  expect(learntSeveralMasks(SAM_PREDICTOR, ONE_MASK)).toBe(false);
  expect(learntSeveralMasks(MEDSAM_INFERENCE, trainedMasks({ loss: "sam", prompts: "either" }))).toBe(true);
  expect(learntSeveralMasks(SAM_PREDICTOR, trainedMasks({ loss: "sam", prompts: "box" }))).toBe(false);
  expect(learntSeveralMasks(SAM_PREDICTOR, trainedMasks({ loss: "medsam", prompts: "point" }))).toBe(false);
});
