import { encodePng } from "../image/encode.js";
import type { Mask } from "../image/mask.js";
import { drawOverlay } from "../image/overlay.js";
import type { PixelImage } from "../image/pixels.js";
import { boxPlot } from "../report/boxPlot.js";
import { linePlot } from "../report/linePlot.js";
import type { Markup } from "../report/markup.js";
import { heading, htmlPage, paragraph } from "../report/page.js";
import { pictures, type Picture } from "../report/pictures.js";
import { table } from "../report/table.js";

/** A training as its page shows it. */
export interface RunPage {
  readonly title: string;
  /** One sentence on how it stands. */
  readonly status: string;
  /** Still going on: the page then loads itself again now and then. */
  readonly running: boolean;
  /** What was chosen, in words. */
  readonly settings: readonly (readonly [what: string, value: string | number])[];
  readonly steps: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[];
  readonly validations: readonly RunValidation[];
  readonly pictures: readonly Picture[];
}

export interface RunValidation {
  readonly step: number;
  /** Dice of each validation mask. */
  readonly dice: readonly number[];
}

/** Seconds after which the page of a running training loads itself again. */
const REFRESH = 30;

/** The page of a training: how it stands, curves of loss and Dice, validation masks, settings. */
export function runPage({ title, status, running, settings, steps, validations, ...rest }: RunPage): string {
  const body: Markup[] = [paragraph(status)];
  if (steps.length > 0) body.push(heading("Loss"), lossPlot(steps));
  if (validations.length > 0) {
    const [first, last] = [validations[0], validations[validations.length - 1]];
    const groups = first === last ? [first] : [first, last];
    body.push(
      heading("Validation"),
      linePlot({
        title: "Mean Dice of the validation masks",
        x: { label: "step", from: 0 },
        y: { label: "Dice", to: 1 },
        series: [{ name: "Dice", points: validations.map(({ step, dice }) => [step, meanOf(dice)]) }],
      }),
      boxPlot({
        title: "Dice of each validation mask",
        axis: { label: "Dice", from: 0, to: 1 },
        groups: groups.map(({ step, dice }) => ({ name: `after step ${step}`, values: dice })),
      }),
      table({
        caption: "Validations",
        columns: ["step", { title: "mean Dice", digits: 4 }, { title: "lowest", digits: 4 }, "masks"],
        rows: validations.map(({ step, dice }) => [step, meanOf(dice), Math.min(...dice), dice.length]),
      }),
    );
  }
  if (rest.pictures.length > 0)
    body.push(
      heading("Validation masks"),
      paragraph("Yellow: what the model predicts for the box. Blue line: the truth."),
      pictures(rest.pictures),
    );
  body.push(heading("Settings"), table({ columns: ["what", "value"], rows: settings }));
  return htmlPage({ title, body, ...(running && { refreshSeconds: REFRESH }) });
}

function lossPlot(steps: RunPage["steps"]): Markup {
  return linePlot({
    title: "Training loss",
    x: { label: "step", from: 0 },
    y: { label: "loss", from: 0 },
    series: [
      { name: "each step", points: steps.map(({ step, loss }) => [step, loss]) },
      { name: "running mean", points: runningMean(steps) },
    ],
  });
}

/** What the running mean keeps at each step, once there have been enough. */
const KEEPS = 0.97;

function runningMean(steps: RunPage["steps"]): [number, number][] {
  let mean = 0;
  return steps.map(({ step, loss }, index) => {
    mean += (loss - mean) * Math.max(1 - KEEPS, 1 / (index + 1));
    return [step, mean];
  });
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** A validation case as a picture: the prediction filled, the truth as a line, the box. */
export function validationPicture(shown: {
  readonly id: string;
  readonly image: PixelImage;
  readonly truth: Mask;
  readonly predicted: Mask;
  readonly box: readonly [number, number, number, number];
  readonly dice: number;
}): Picture {
  const { id, image, truth, predicted, box, dice } = shown;
  const drawn = drawOverlay(image, { masks: [predicted, edgeOf(truth)], boxes: [box] });
  return {
    png: encodePng(drawn),
    caption: `${id}: Dice ${dice.toFixed(3)}`,
    alternative: `${id} with the predicted mask and the outline of the true one`,
  };
}

/** The pixels of a mask that touch its outside; the border of the image is no edge. */
function edgeOf({ width, height, data }: Mask): Mask {
  const inside = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height || data[y * width + x] !== 0;
  const edge = data.map((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const isInner = inside(x - 1, y) && inside(x + 1, y) && inside(x, y - 1) && inside(x, y + 1);
    return value !== 0 && !isInner ? 1 : 0;
  });
  return { width, height, data: edge };
}
