import { expect, test } from "vitest";
import { provenanceOf, videoCommand, volumeCommand } from "../../../src/cli/provenance.js";

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

test("a name that would be a flag is not taken for one", () => {
  const job = {
    image: "-a.png",
    name: "-a",
    targets: [{ value: 1, prompt: { box: [1, 2, 3, 4] as const } }],
  };
  expect(provenanceOf(job, settings).command).toMatch(/^medsam segment \.\/-a\.png --box/);
});

test("of a table: the image's rows where its name alone finds them, otherwise all of them", () => {
  const job = { image: "a/x.png", name: "x", table: "/some/it's.csv", targets: [] };
  const end = "--boxes 'it'\\''s.csv' --checkpoint 'fine tuned.pth' --preset MedSAM_Inference --crop 0 --backend wasm --multimask"; // prettier-ignore
  const all = { command: `medsam segment ${end}`, folder: "the table's" };
  expect(provenanceOf(job, settings)).toMatchObject(all);
  const own = { command: `medsam segment x.png ${end}`, folder: "the image's" };
  expect(provenanceOf({ ...job, isFoundByName: true }, settings)).toMatchObject(own);
  const batch = {
    command: `${all.command.replace("segment --boxes", "batch")} --out again`,
    folder: "the table's",
  };
  expect(provenanceOf({ ...job, isFoundByName: true }, settings, "batch")).toMatchObject(batch);
});

test("of a volume: every prompt and setting", () => {
  const point = (x: number, label: 0 | 1) => ({ point: [x, 2] as const, label });
  const options = {
    ...{
      slice: 3,
      box: [[1, 2, 3, 4] as const],
      point: [point(1, 1), point(2, 0)],
      margin: 0.05,
      plane: "axial" as const,
    },
    ...{ sliceBox: [[0, [1, 2, 3, 4]] as const], slicePoint: [[5, point(1, 1)] as const], box3d: [[1, 2, 3, 4, 5, 6] as const] }, // prettier-ignore
    ...{
      frame: 0,
      series: 2,
      intensity: "ct-lung",
      format: "mha" as const,
      backend: "auto" as const,
      out: "out",
    },
    ...{ mask: "of/a b.nii", widen: { mm: 3 }, jitter: 5, seed: 0, everySlice: true, pieces: true },
  };
  const { command, folder } = volumeCommand("/patient/series/", options, {
    ...settings,
    imageSize: 128,
    margin: 0.05,
  });
  expect(folder).toBe("the volume's");
  expect(command).toBe(
    "medsam segment-volume series --box 1,2,3,4 --point 1,2,1 --point 2,2,0 --slice 3 --slice-box 0,1,2,3,4 " +
      "--slice-point 5,1,2,1 --box3d 1,2,3,4,5,6 --mask 'a b.nii' --every-slice --pieces --widen 3mm --jitter 5 --seed 0 " +
      "--plane axial --frame 0 --series 2 --margin 0.05 --format mha --intensity ct-lung --checkpoint 'fine tuned.pth' " +
      "--preset MedSAM_Inference --crop 0 --backend wasm",
  );
});

test("of a video: its prompts, and files without folders", () => {
  const { checkpoint, preset, backend } = settings;
  const all = { checkpoint, preset, backend, imageSize: 512, out: "/home/someone/out" };
  const [inside, outside] = ([1, 0] as const).map((label) => ({ point: [5, 6] as const, label }));
  const drawn = { frame: 3, box: [[1, 2, 3, 4]], point: [inside], frameBox: [[7, [1, 2, 3, 4]]], framePoint: [[9, outside]] } as const; // prettier-ignore
  const end =
    "--image-size 512 --checkpoint 'fine tuned.pth' --preset MedSAM_Inference --intensity none --backend wasm";
  expect(videoCommand("/patients/my clip/", { ...all, ...drawn }, "none")).toEqual({
    command: `medsam segment-video 'my clip' --frame 3 --box 1,2,3,4 --point 5,6,1 --frame-box 7,1,2,3,4 --frame-point 9,5,6,0 ${end}`,
    folder: "the video's",
  });
  const files = { mask: "/patients/drawn/", prompts: "/patients/-t.csv" };
  expect(videoCommand("us.dcm", { ...all, ...files }, "none").command).toBe(
    `medsam segment-video us.dcm --mask drawn --prompts ./-t.csv ${end}`,
  );
});
