import { expect, test } from "vitest";
import { provenanceOf } from "../../../src/cli/provenance.js";

const settings = {
  checkpoint: { name: "fine tuned.pth", sha256: "ab", embedded: false },
  preset: "MedSAM_Inference",
  crop: 0,
  backend: "wasm",
  multimask: true,
};

test("the command makes the masks again and names no folder", () => {
  const { command } = provenanceOf(
    {
      image: "/home/someone/study 7/it's.png",
      name: "it's",
      targets: [{ value: 1, prompt: { box: [1, 2, 3, 4], pointCoords: [[2, 3]], pointLabels: [0] } }],
    },
    settings,
  );
  expect(command).toBe(
    "medsam segment 'it'\\''s.png' --box 1,2,3,4 --point 2,3,0 --checkpoint 'fine tuned.pth' " +
      "--preset MedSAM_Inference --crop 0 --backend wasm --multimask",
  );
});

test("the embedded checkpoint needs no name in the command", () => {
  const embedded = { ...settings, multimask: false, checkpoint: { ...settings.checkpoint, embedded: true } };
  const { command } = provenanceOf(
    { image: "a.png", name: "a", targets: [{ value: 1, prompt: { box: [1, 2, 3, 4] } }] },
    embedded,
  );
  expect(command).toBe(
    "medsam segment a.png --box 1,2,3,4 --preset MedSAM_Inference --crop 0 --backend wasm",
  );
});
