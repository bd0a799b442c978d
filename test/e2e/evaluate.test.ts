import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodePng } from "../../src/image/encode.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { npzBytes } from "../../src/volume/npzWrite.js";
import { medsam, temporaryFolder } from "./medsam.js";

/** A square of a label in 40 x 30 pixels. */
function square(label: number, x0: number, y0: number, side: number): Uint8Array {
  return Uint8Array.from({ length: 40 * 30 }, (_, i) => {
    const [x, y] = [i % 40, Math.floor(i / 40)];
    return x >= x0 && x < x0 + side && y >= y0 && y < y0 + side ? label : 0;
  });
}
const png = (data: Uint8Array) => encodePng({ width: 40, height: 30, data });

/** Three cases: one right, one beside the truth by two pixels, one where nothing was found. */
function folders(): string {
  const folder = temporaryFolder();
  for (const name of ["truth", "masks", "images"]) mkdirSync(join(folder, name));
  const write = (path: string, bytes: Uint8Array) => writeFileSync(join(folder, path), bytes);
  write("truth/a.png", png(square(1, 5, 5, 10)));
  write("truth/b.png", png(square(1, 5, 5, 10)));
  write("truth/c.png", png(square(2, 5, 5, 10)));
  write("masks/a_labels.png", png(square(1, 5, 5, 10)));
  write("masks/a_mask.png", png(square(255, 0, 0, 3)));
  write("masks/a_overlay.png", png(square(9, 0, 0, 3)));
  write("masks/b_labels.png", png(square(1, 7, 5, 10)));
  write("masks/c_labels.png", png(new Uint8Array(1200)));
  for (const name of ["a", "b", "c"]) write(`images/${name}.png`, png(square(180, 5, 5, 10)));
  return folder;
}

interface Result {
  readonly summary: readonly {
    readonly label?: number;
    readonly rows: number;
    readonly dice: { readonly mean: number; readonly low: number; readonly high: number };
    readonly infinite: number;
    readonly baselines: Readonly<Record<string, { readonly dice: number } | undefined>>;
  }[];
  readonly rows: readonly { readonly case: string; readonly scores: { readonly dice: number; readonly hausdorff95: number | null } }[]; // prettier-ignore
  readonly against?: { readonly pairs: number; readonly dice: { readonly mean: number; readonly p: number } };
}

test("two folders: every label of every case, its baselines, and a report", () => {
  const folder = folders();
  const run = medsam(["evaluate", "masks", "truth", "--images", "images", "--json"], folder);
  expect(run).toMatchObject({ status: 0, stderr: "" });
  const { summary, rows } = JSON.parse(run.stdout) as Result;
  expect(rows.map((row) => [row.case, row.scores.dice])).toEqual([["a", 1], ["b", 0.8], ["c", 0]]); // prettier-ignore
  expect(rows[2].scores.hausdorff95).toBeNull();
  expect(summary.map(({ label, rows: count, infinite }) => [label, count, infinite])).toEqual([[1, 2, 0], [2, 1, 1], [undefined, 3, 1]]); // prettier-ignore
  expect(summary[0].dice.mean).toBeCloseTo(0.9, 12);
  expect(summary[0].dice).toMatchObject({ low: 0.8, high: 1 });
  expect(summary[0].baselines).toMatchObject({ box: { dice: 1 }, otsu: { dice: 1 } });
  expect(summary[0].baselines["ellipse"]!.dice).toBeLessThan(0.95);

  expect(JSON.parse(readFileSync(join(folder, "evaluation", "results.json"), "utf8"))).toEqual(JSON.parse(run.stdout)); // prettier-ignore
  const lines = readFileSync(join(folder, "evaluation", "results.csv"), "utf8")
    .trim()
    .split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(/^b,1,0\.8,/);
  const page = readFileSync(join(folder, "evaluation", "report.html"), "utf8");
  expect(page).toContain("c, label 2: Dice 0.000");
  expect(page.match(/<img /g)).toHaveLength(3);
  expect(page).not.toContain("<script");
});

test("a run against another, and the same numbers every time", () => {
  const folder = folders();
  medsam(["evaluate", "masks", "truth", "--out", "before"], folder);
  cpSync(join(folder, "truth", "b.png"), join(folder, "masks", "b_labels.png"));
  const args = ["evaluate", "masks", "truth", "--against", "before/results.json", "--json"];
  const run = medsam(args, folder);
  expect((JSON.parse(run.stdout) as Result).against).toMatchObject({
    pairs: 3,
    dice: { mean: expect.closeTo(0.2 / 3, 12) as number, p: 1 },
  });
  expect(medsam(args, folder).stdout).toBe(run.stdout);
});

test("a table of volumes, with their spacing; what cannot be scored is said and the rest goes on", () => {
  const folder = temporaryFolder();
  const size = [40, 30, 3] as const;
  const data = new Uint8Array(3600);
  data.set(square(1, 5, 5, 10), 1200);
  const affine = [[-0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 4, 0]] as const; // prettier-ignore
  writeFileSync(join(folder, "t.nii.gz"), niftiLabelBytes({ size, affine, data }, "t.nii.gz"));
  const segs = { segs: { shape: [3, 30, 40], data }, spacing: { shape: [3], data: Float64Array.of(0.5, 0.5, 4) } }; // prettier-ignore
  writeFileSync(join(folder, "p.npz"), npzBytes(segs));
  const elsewhere = [[0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 4, 0]] as const; // prettier-ignore
  writeFileSync(join(folder, "q.nii"), niftiLabelBytes({ size, affine: elsewhere, data }, "q.nii"));
  writeFileSync(join(folder, "cases.csv"), "case,truth,prediction\none,t.nii.gz,p.npz\ntwo,t.nii.gz,q.nii\n");
  const wrong = { ...segs, spacing: { shape: [3], data: Float64Array.of(1, 1, 4) } };
  writeFileSync(join(folder, "w.npz"), npzBytes(wrong));
  writeFileSync(join(folder, "wrong.csv"), "case,truth,prediction\none,t.nii.gz,w.npz\n");
  expect(medsam(["evaluate", "wrong.csv"], folder)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(
      /w\.npz: its voxels are 1 x 1 x 4 mm, those of t\.nii\.gz 0\.5 x 0\.5 x 4;/,
    ) as string,
  });
  const run = medsam(["evaluate", "cases.csv"], folder);
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(/^medsam: two: .*q\.nii.* lie elsewhere/);
  expect(run.stdout).toMatch(/1 of 2 cases[\s\S]*NSD at 2 mm[\s\S]*1\.0000 \(1\.0000 to 1\.0000\)/);
  expect(readFileSync(join(folder, "evaluation", "results.csv"), "utf8")).toMatch(
    /one,1,1,1,0,0,0,0\.1,0\.1,0,/,
  );
});

test("a row of a table that cannot be used keeps no other from being scored, unless --strict", () => {
  const folder = folders();
  const rows = ["truth,prediction", "truth/a.png,gone.png", "truth/b.png,masks/b_labels.png", "truth/a.png"];
  writeFileSync(join(folder, "cases.csv"), rows.join("\n"));
  const run = medsam(["evaluate", "cases.csv"], folder);
  expect(run.status).toBe(1);
  expect(run.stderr.trim().split("\n")).toEqual([
    "medsam: cases.csv, row 1: column prediction is gone.png: no such file",
    "medsam: cases.csv, row 3: has 1 values; expected 2, one for each column",
  ]);
  expect(run.stdout).toContain("1 of 3 cases");
  const strict = medsam(["evaluate", "cases.csv", "--strict", "--out", "strict"], folder);
  expect(strict).toMatchObject({ status: 2, stderr: expect.stringContaining("cases.csv, row 1") as string });
  expect(existsSync(join(folder, "strict"))).toBe(false);
});

test.each([
  [["nothing", "truth"], 2, /nothing/],
  [["masks"], 2, /expected medsam evaluate PREDICTIONS TRUTH, or a table/],
  [["twice.csv"], 2, /twice\.csv, row 2.*case x/],
  [["missing.csv"], 2, /missing\.csv, row 1.*gone\.png/],
  [["masks", "truth", "--against", "truth/a.png"], 2, /is no results\.json of medsam evaluate/],
  [["masks", "truth", "--spacing", "1,2"], 2, /three numbers x,y,z/],
] as const)("wrong use is said in one line: %#", (args, status, message) => {
  const folder = folders();
  const table = (name: string, ...rows: string[]) => writeFileSync(join(folder, name), ["case,truth,prediction", ...rows].join("\n")); // prettier-ignore
  table("twice.csv", "x,truth/a.png,masks/a_labels.png", "x,truth/b.png,masks/b_labels.png");
  table("missing.csv", "x,truth/a.png,gone.png");
  const run = medsam(["evaluate", ...args], folder);
  expect(run.stderr.trim().split("\n").at(-1)).toMatch(message);
  expect(run.status).toBe(status);
  expect(existsSync(join(folder, "evaluation"))).toBe(false);
});
