import { linePlot, type Series } from "../../report/linePlot.js";
import { STYLE } from "../../report/style.js";
import type { EmbeddedScores } from "./validate.js";

/** A line of the training's `metrics.jsonl`: the mean loss of the steps since the line before, or a validation. */
export interface EmbeddedMetrics {
  readonly step: number;
  readonly loss?: number;
  readonly scores?: EmbeddedScores;
}

/** Between the two plots. */
const GAP = 12;

const DICE: readonly (readonly [name: string, of: (scores: EmbeddedScores) => number])[] = [
  ["tight box, crop of twice its size", ({ tight }) => tight.crop],
  ["tight box, whole picture", ({ tight }) => tight.whole],
  ["box drawn by hand, crop", ({ jittered }) => jittered.crop],
  ["box drawn by hand, whole picture", ({ jittered }) => jittered.whole],
  ["ellipse in the tight box, without a model", ({ tight }) => tight.ellipse],
];

/** The curves of a training as one SVG picture: its loss, and Dice on generated pictures that it does not see. */
export function embeddedCurves(metrics: readonly EmbeddedMetrics[]): string {
  // Steps that were made again after a stop: what was written last counts.
  const bySteps = (kind: "loss" | "scores") => {
    const found = new Map(
      metrics.filter((entry) => entry[kind] !== undefined).map((entry) => [entry.step, entry]),
    );
    return [...found.values()].sort((a, b) => a.step - b.step);
  };
  const x = { label: "step", from: 0 };
  const loss: Series = {
    name: "loss",
    points: bySteps("loss").map(({ step, loss = NaN }) => [step, loss]),
  };
  const dice = DICE.map(([name, of]): Series => ({
    name,
    points: bySteps("scores").map(({ step, scores }) => [step, scores === undefined ? NaN : of(scores)]),
  }));
  const plots = [
    linePlot({ title: "Loss, mean of 50 steps", x, y: { label: "loss" }, series: [loss] }),
    linePlot({ title: "Dice on generated pictures", x, y: { label: "Dice" }, series: dice }),
  ].map(({ text }) => /<svg viewBox="0 0 720 ([\d.]+)".* aria-label="([^"]*)">(.*)<\/svg>/s.exec(text)!);
  let top = 0;
  const placed = plots.map(([, height, , content]) => {
    const here = `<g transform="translate(0 ${top})">${content}</g>`;
    top += Number(height) + GAP;
    return here;
  });
  const words = plots.map(([, , label]) => label).join(" ");
  const backdrop = `<rect width="720" height="${top}" style="fill:var(--paper)"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 ${top}" role="img" aria-label="${words}"><style>${STYLE}</style>${backdrop}${placed.join("")}</svg>\n`;
}
