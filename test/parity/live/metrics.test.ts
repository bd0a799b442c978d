import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inscribedEllipse } from "../../../src/evaluate/baselines.js";
import { hausdorff } from "../../../src/evaluate/hausdorff.js";
import { dice } from "../../../src/evaluate/overlap.js";
import { surfaceDistances } from "../../../src/evaluate/surface.js";
import {
  averageSurfaceDistances,
  normalisedSurfaceDistance,
  robustHausdorff,
} from "../../../src/evaluate/surfaceScores.js";
import type { VoxelMask } from "../../../src/evaluate/voxelMask.js";
import { readNpzFile } from "../../../src/image/decode.node.js";
import { maskBox, maskOfLabel } from "../../../src/image/mask.js";
import { npzLabels } from "../../../src/image/npz.js";
import type { Vector3 } from "../../../src/volume/vector.js";
import { randomMask, seeded } from "../../unit/evaluate/masks.js";
import { DATA } from "./python.js";

interface Pair {
  readonly truth: VoxelMask;
  readonly prediction: VoxelMask;
  readonly spacing: Vector3;
}

/** What `score_masks.py` writes; not finite numbers as text. */
interface Reference {
  readonly empty: readonly [truth: boolean, prediction: boolean];
  readonly dice: number;
  readonly nsd: readonly number[];
  readonly hausdorff95: number;
  readonly average: readonly [number, number];
  readonly hausdorff: number | null;
}

const TOLERANCES = [0, 0.5, 1, 2, 3];
/** A Python with the packages of tools/convert/requirements-metrics.txt. */
const PYTHON = process.env["MEDSAM_PYTHON_METRICS"];
if (PYTHON === undefined)
  console.warn("skipping metrics against surface-distance and SciPy: MEDSAM_PYTHON_METRICS is not set");

function randomPairs(count: number): Pair[] {
  const random = seeded(20);
  return Array.from({ length: count }, () => {
    const side = () => 1 + Math.floor(random() * 14);
    const size: Vector3 = [side(), side(), random() < 0.2 ? 1 : side()];
    const spacing: Vector3 =
      random() < 0.3 ? [1, 1, 1] : [0.3 + random(), 0.3 + random(), 0.5 + 5 * random()];
    const truth = randomMask(size, random);
    return { truth, prediction: random() < 0.05 ? truth : randomMask(size, random), spacing };
  });
}

/** Ground truth of the CT lesions against the ellipse of each slice's box. */
async function realPairs(): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const name of ["000001_02_01_008-023", "000015_01_01_081-093", "000015_01_01_103-115"]) {
    const npz = await readNpzFile(`${DATA}ct-lesion/CT_Lesion_${name}.npz`);
    const { width, height, depth, spacing } = npz;
    if (spacing === undefined) throw new Error(`${name} has no spacing`);
    const size: Vector3 = [width, height, depth];
    const [truth, prediction] = [
      new Uint8Array(width * height * depth),
      new Uint8Array(width * height * depth),
    ];
    for (let z = 0; z < depth; z++) {
      const mask = maskOfLabel(npzLabels(npz, z), 1);
      truth.set(mask.data, z * width * height);
      const box = maskBox(mask);
      if (box) prediction.set(inscribedEllipse(npz, box).data, z * width * height);
    }
    pairs.push({ truth: { size, data: truth }, prediction: { size, data: prediction }, spacing });
  }
  return pairs;
}

describe.skipIf(PYTHON === undefined)("metrics equal surface-distance and SciPy to 1e-6", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-metrics-"));
  const pairs = randomPairs(1000);
  let references: Reference[];

  beforeAll(async () => {
    if (existsSync(DATA)) pairs.push(...(await realPairs()));
    const file = (name: string) => join(folder, name);
    writeFileSync(file("pairs.json"), JSON.stringify(pairs.map(({ truth, spacing }) => ({ size: truth.size, spacing })))); // prettier-ignore
    writeFileSync(file("pairs.bin"), Buffer.concat(pairs.flatMap((pair) => [pair.truth.data, pair.prediction.data]))); // prettier-ignore
    const script = fileURLToPath(new URL("../../../tools/convert/score_masks.py", import.meta.url));
    execFileSync(PYTHON!, [script, ...["pairs.json", "pairs.bin", "scores.json"].map(file)], { stdio: "inherit" }); // prettier-ignore
    const text = readFileSync(file("scores.json"), "utf8").replace(/-?\b(NaN|Infinity)\b/g, '"$&"');
    const notFinite = (_: string, value: unknown) => (typeof value === "string" ? Number(value) : value);
    references = JSON.parse(text, notFinite) as Reference[];
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("random masks, and real ones where they are there", () => {
    let [bothEmpty, oneEmpty, largest] = [0, 0, 0];
    const near = (got: number, expected: number, what: string) => {
      if (got === expected) return;
      const difference = Math.abs(got - expected);
      expect(difference, `${what}: ${got}, expected ${expected}`).toBeLessThanOrEqual(1e-6);
      largest = Math.max(largest, difference);
    };
    for (const [i, { truth, prediction, spacing }] of pairs.entries()) {
      const { empty, ...reference } = references[i];
      const what = `pair ${i}`;
      const surfaces = surfaceDistances(truth, prediction, spacing);
      const average = averageSurfaceDistances(surfaces);
      const got = {
        dice: dice(truth, prediction),
        nsd: TOLERANCES.map((tolerance) => normalisedSurfaceDistance(surfaces, tolerance)),
        hausdorff95: robustHausdorff(surfaces, 95),
        average: [average.fromTruth, average.fromPrediction],
        hausdorff: hausdorff(truth, prediction, spacing),
      };
      if (empty[0] && empty[1]) {
        bothEmpty++; // the reference has no number for it: ours is the rule that they agree
        expect(got).toEqual({ dice: 1, nsd: [1, 1, 1, 1, 1], hausdorff95: 0, average: [0, 0], hausdorff: 0 });
        continue;
      }
      near(got.dice, reference.dice, `${what}, Dice`);
      got.nsd.forEach((nsd, k) => near(nsd, reference.nsd[k], `${what}, NSD at ${TOLERANCES[k]}`));
      near(got.hausdorff95, reference.hausdorff95, `${what}, Hausdorff 95`);
      if (empty[0] || empty[1]) {
        oneEmpty++;
        expect([got.hausdorff, ...got.average]).toEqual([Infinity, Infinity, Infinity]);
        continue;
      }
      got.average.forEach((value, k) => near(value, reference.average[k], `${what}, average distance`));
      near(got.hausdorff, reference.hausdorff!, `${what}, Hausdorff`);
    }
    console.log(`${pairs.length} pairs, ${oneEmpty} with one empty, ${bothEmpty} with two; largest difference ${largest}`); // prettier-ignore
    expect(bothEmpty).toBeGreaterThan(10);
    expect(oneEmpty).toBeGreaterThan(100);
  });
});
