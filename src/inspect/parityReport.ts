import { heading, htmlPage, paragraph } from "../report/page.js";
import { linePlot } from "../report/linePlot.js";
import { table } from "../report/table.js";
import type { ParityResult } from "./parity.js";

/** What a report is about. */
export interface ParityReport {
  /** Names of files, without their folders. */
  readonly checkpoint: string;
  readonly reference: string;
  readonly torch: string;
  /** By backend. */
  readonly results: ReadonlyMap<string, ParityResult>;
}

/** Below this a difference is drawn as this: its logarithm would run away. */
const LEAST = 1e-9;

/** A self-contained page: the error over depth of each backend, and every value that was compared. */
export function parityReport({ checkpoint, reference, torch, results }: ParityReport): string {
  const series = [...results].map(([name, { rows }]) => ({
    name,
    points: rows.map(({ relative }, depth) => [depth, Math.log10(Math.max(relative, LEAST))] as const),
  }));
  const verdicts = [...results].map(([name, { rows, firstToDepart }]) =>
    paragraph(
      firstToDepart === undefined
        ? `${name}: all ${rows.length} values are within tolerance.`
        : `${name}: departs, first in ${firstToDepart.name} (${firstToDepart.detail}).`,
    ),
  );
  const names = [...results.keys()];
  const [first] = results.values();
  const rows = (first?.rows ?? []).map((row, index) => [
    index,
    row.name,
    ...[...results.values()].map((result) => {
      const own = result.rows[index];
      if (!Number.isFinite(own.largest)) return own.detail;
      return `${own.largest.toExponential(1)}${own.ok ? "" : " ✗"}`;
    }),
    row.allowed.toExponential(1),
  ]);
  return htmlPage({
    title: "Parity with PyTorch",
    body: [
      paragraph(
        `${checkpoint} on TensorFlow.js against ${reference}, which PyTorch ${torch} recorded. Modules are in the ` +
          "order in which they compute; a fault shows first where it is, and then in all that follow.",
      ),
      ...verdicts,
      linePlot({
        title: "Largest difference, as a share of the module's largest value (power of ten)",
        x: { label: "depth: number of the value, in the order of computing" },
        y: { label: "log10 of the relative difference" },
        series,
      }),
      heading("Every value"),
      table({
        caption: "Largest absolute difference",
        columns: ["depth", "module", ...names, "allowed"],
        rows,
      }),
    ],
  });
}
