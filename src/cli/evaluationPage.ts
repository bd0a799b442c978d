import type { Interval } from "../evaluate/bootstrap.js";
import { encodePng } from "../image/encode.js";
import type { PixelImage } from "../image/pixels.js";
import { boxPlot } from "../report/boxPlot.js";
import { heading, htmlPage, paragraph } from "../report/page.js";
import { pictures, type Picture } from "../report/pictures.js";
import { table } from "../report/table.js";
import type { LabelVolume } from "../volume/volume.js";
import { readCase, type CasePaths } from "./evaluateCases.js";
import type { Against, Evaluation, Row, Summary } from "./evaluation.js";
import { sheet, tilesOf } from "./tiles.js";
import { maskOf, stepsOf } from "./volumePicture.js";

/** Objects that are shown, the worst first. */
const WORST = 6;

/** report.html: means with their intervals, how scores spread, the worst cases, and every row. */
export async function evaluationPage(
  evaluation: Evaluation,
  paths: ReadonlyMap<string, CasePaths>,
): Promise<string> {
  const { rows, summary, against, failed, tolerance, inPixels, version } = evaluation;
  const unit = inPixels ? "pixels" : "mm";
  const labels = summary.filter(({ label }) => label !== undefined);
  const spread = (title: string, value: (row: Row) => number) =>
    boxPlot({
      title,
      axis: { label: title, from: 0, to: 1 },
      groups: labels.map(({ label }) => ({
        name: `label ${label}`,
        values: rows.filter((row) => row.label === label).map(value),
      })),
    });
  const nsd = `NSD at ${tolerance} ${unit}`;
  return htmlPage({
    title: "Evaluation",
    body: [
      paragraph(
        `${rows.length} objects of ${new Set(rows.map((row) => row.case)).size} cases. Means with 95 % intervals by the ` +
          "percentile bootstrap over cases. Both masks empty is 1 for Dice and NSD; one empty is 0, and its distances " +
          `are infinite: counted, and left out of means. Distances are in ${unit}.`,
      ),
      summaryTable(summary, nsd),
      baselineTable(summary),
      ...(against ? [heading("Against another run"), againstTable(against)] : []),
      heading("How scores spread"),
      spread("Dice", ({ scores }) => scores.dice),
      spread(nsd, ({ scores }) => scores.nsd),
      heading("Worst objects"),
      paragraph(
        "By Dice, in the slice where the truth is largest. The prediction is filled; the white outline is the truth. " +
          "Small objects are shown large beside the whole slice.",
      ),
      pictures(await worstPictures(rows, paths)),
      heading("All objects"),
      table({
        columns: [
          "case",
          "label",
          "Dice",
          nsd,
          "Hausdorff 95 %",
          "volume error",
          "filled box",
          "ellipse",
          "Otsu",
          "GrabCut",
        ],
        rows: rows.map(({ case: id, label, scores, baselines }) => [
          ...[id, label, scores.dice, scores.nsd, finite(scores.hausdorff95), finite(scores.relativeError)],
          ...[baselines?.box.dice, baselines?.ellipse.dice, baselines?.otsu?.dice, baselines?.grabCut?.dice],
        ]),
      }),
      ...(failed.length > 0
        ? [
            heading("Not scored"),
            table({ columns: ["case", "why"], rows: failed.map(({ case: id, error }) => [id, error]) }),
          ]
        : []),
      paragraph(`medsam-tfjs ${version}. Not for clinical use.`),
    ],
  });
}

function summaryTable(summary: readonly Summary[], nsd: string) {
  const interval = (found: Interval | undefined) =>
    found && `${found.low.toFixed(3)} to ${found.high.toFixed(3)}`;
  return table({
    columns: ["label", "objects", "Dice", "95 %", nsd, "95 %", "Hausdorff 95 %", "infinite"],
    rows: summary.map(({ label, rows, dice, nsd: surface, hausdorff95, infinite }) => [
      ...[nameOf(label), rows],
      ...[dice?.mean, interval(dice), surface?.mean, interval(surface), hausdorff95?.mean, infinite],
    ]),
  });
}

/** The scores to beat: what takes no model. */
function baselineTable(summary: readonly Summary[]) {
  return table({
    caption: "Mean Dice of this run, and of what the true box alone gives",
    columns: ["label", "this run", "filled box", "ellipse", "Otsu", "GrabCut"],
    rows: summary.map(({ label, dice, baselines: { box, ellipse, otsu, grabCut } }) => [
      ...[nameOf(label), dice?.mean, box?.dice, ellipse?.dice, otsu?.dice, grabCut?.dice],
    ]),
  });
}

const nameOf = (label: number | undefined) => (label === undefined ? "all" : `${label}`);

function againstTable({ name, pairs, dice, nsd }: Against) {
  return table({
    caption: `This run less ${name}, ${pairs} cases (the mean of a case's objects); Wilcoxon's signed-rank test, two-sided`,
    columns: ["score", "mean difference", "cases that differ", { title: "p", digits: 6 }],
    rows: Object.entries({ Dice: dice, NSD: nsd }).map(([score, test]) => [
      score,
      test.mean,
      test.pairs,
      test.p,
    ]),
  });
}

const finite = (value: number) => (Number.isFinite(value) ? value : undefined);

/** Read again, since not all cases fit memory. */
async function worstPictures(
  rows: readonly Row[],
  paths: ReadonlyMap<string, CasePaths>,
): Promise<Picture[]> {
  const worst = [...rows].sort((a, b) => a.scores.dice - b.scores.dice).slice(0, WORST);
  const out: Picture[] = [];
  for (const { case: id, label, scores } of worst) {
    const { truth, prediction, image } = await readCase(paths.get(id)!);
    const slice = largestSlice(truth, label) ?? largestSlice(prediction, label) ?? 0;
    const [width, height] = truth.size;
    const shown: PixelImage = image?.(slice) ?? {
      width,
      height,
      channels: 1,
      data: new Uint8Array(width * height),
    };
    const [found, real] = [prediction, truth].map((labels) => maskOf(labels, 2, slice, label));
    const isVolume = truth.size[2] > 1;
    const one = { image: shown, objects: [{ found, truth: real }], ...(isVolume && { slice }) };
    out.push({
      png: encodePng(sheet(tilesOf([one], stepsOf(truth, 2)))),
      caption: `${id}, label ${label}${isVolume ? `, slice ${slice}` : ""}: Dice ${scores.dice.toFixed(3)}`,
    });
  }
  return out;
}

/** The slice with most voxels of a label; `undefined` where there is none. */
function largestSlice({ size, data }: LabelVolume, label: number): number | undefined {
  const area = size[0] * size[1];
  const counts = new Uint32Array(size[2]);
  for (let i = 0; i < data.length; i++) if (data[i] === label) counts[Math.floor(i / area)]++;
  const most = counts.indexOf(Math.max(...counts));
  return counts[most] > 0 ? most : undefined;
}
