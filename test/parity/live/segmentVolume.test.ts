import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { filledBox, inscribedEllipse } from "../../../src/evaluate/baselines.js";
import { scoreMasks } from "../../../src/evaluate/scores.js";
import type { VoxelMask } from "../../../src/evaluate/voxelMask.js";
import { readNpzFile } from "../../../src/image/decode.node.js";
import type { Mask } from "../../../src/image/mask.js";
import { EMBEDDED_CHECKPOINT, loadMedSam } from "../../../src/loadMedSam.node.js";
import { BoxTracker } from "../../../src/predictor/volume/boxTracker.js";
import { objectsFromLabels } from "../../../src/predictor/volume/objectsFromLabels.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { segmentVolume } from "../../../src/predictor/volume/segmentVolume.js";
import { eightBitVolume } from "../../../src/volume/eightBit.js";
import { npzLabelVolume, npzVolume } from "../../../src/volume/npzVolume.js";
import { spacingOf } from "../../../src/volume/volume.js";
import { readReference } from "../fixture.js";
import { DATA, missing, python } from "./python.js";

const folder = mkdtempSync(join(tmpdir(), "medsam-volumes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A mask of one slice repeated in some slices. */
function repeated(
  { data }: Mask,
  size: VoxelMask["size"],
  [first, last]: readonly [number, number],
): VoxelMask {
  const area = size[0] * size[1];
  const out = new Uint8Array(area * size[2]);
  for (let slice = first; slice <= last; slice++) out.set(data, slice * area);
  return { size, data: out };
}

describe.skipIf(missing() !== undefined)("CT lesions, from the box of their middle slice", () => {
  it("are found as PyTorch finds them by the same procedure", { timeout: 600_000 }, async () => {
    const names = readdirSync(`${DATA}ct-lesion`).filter((name) => name.endsWith(".npz"));
    expect(names).toHaveLength(3);
    const paths = names.map((name) => `${DATA}ct-lesion/${name}`);
    const out = join(folder, "masks.safetensors");
    python("segment_volume.py", "--checkpoint", EMBEDDED_CHECKPOINT, "--out", out, ...paths);
    const theirs = readReference(out).tensors;

    await useBackend("wasm");
    const model = await loadMedSam(EMBEDDED_CHECKPOINT);
    const rows: Record<string, string>[] = [];
    for (const [n, path] of paths.entries()) {
      const npz = await readNpzFile(path);
      const truthLabels = npzLabelVolume(npz);
      const spacing = spacingOf(truthLabels, path);
      const truth: VoxelMask = { size: truthLabels.size, data: truthLabels.data.map((label) => (label === 1 ? 1 : 0)) as Uint8Array }; // prettier-ignore
      const score = (mask: VoxelMask) => scoreMasks(truth, mask, { spacing, tolerance: 2 });
      const { volume } = eightBitVolume(npzVolume(npz));
      const [{ prompts, within }] = objectsFromLabels(truthLabels, { leastPixels: 1 });

      const found: Record<string, VoxelMask> = {};
      for (const [name, crop] of [
        ["whole", 0],
        ["crop", 2],
      ] as const) {
        // prettier-ignore
        const predictor = new SamPredictor(model, { crop });
        const { labels } = await segmentVolume(new BoxTracker(predictor), volume, [{ label: 1, prompts }]);
        await predictor.dispose();
        found[name] = { size: labels.size, data: labels.data as Uint8Array };
      }
      const [width, height] = truth.size;
      const box = [...prompts.values()][0].box!;
      found["filled box"] = repeated(filledBox({ width, height }, box), truth.size, within!);
      found["ellipse"] = repeated(inscribedEllipse({ width, height }, box), truth.size, within!);
      found["PyTorch, whole"] = { size: truth.size, data: Uint8Array.from(theirs.get(String(n))!.values) };
      for (const [name, mask] of Object.entries(found)) {
        const { dice, nsd } = score(mask);
        rows.push({ volume: names[n].slice(10, -4), mask: name, dice: dice.toFixed(4), nsd: nsd.toFixed(4) });
      }
      const [ours, reference] = [score(found["whole"]), score(found["PyTorch, whole"])];
      expect(Math.abs(ours.dice - reference.dice)).toBeLessThan(0.005);
      expect(Math.abs(ours.nsd - reference.nsd)).toBeLessThan(0.005);
    }
    console.table(rows);
    model.dispose();
  });
});
