import { filledBox, inscribedEllipse, otsuInBox } from "../../evaluate/baselines.js";
import { grabCut } from "../../evaluate/grabCut.js";
import { dice } from "../../evaluate/overlap.js";
import { flatMask } from "../../evaluate/voxelMask.js";
import type { Mask, PixelBox } from "../../image/mask.js";
import type { PixelImage } from "../../image/pixels.js";
import type { Sam } from "../../model/sam.js";
import { SamPredictor } from "../../predictor/samPredictor.js";
import { readPromptImage, readPromptTruth, readRealPrompts } from "./realPrompts.node.js";
import { CROP_FACTOR } from "./validate.js";

/** Pixels that the wider box is drawn away from the tight one on every side. */
const WIDER = 5;

/** Dice of one box by each way of making a mask of it. */
export interface RealScore {
  readonly id: string;
  readonly box: "tight" | "wider";
  readonly whole: number;
  readonly crop: number;
  readonly filledBox: number;
  readonly ellipse: number;
  readonly otsu: number;
  readonly grabCut: number;
}

/**
 * Scores a model on the sample files that have ground truth. They choose nothing: a model is scored when it has already
 * won on generated pictures.
 *
 * @param list of prompts, test/parity/prompts.json.
 * @param data the folder of the sample files.
 */
export async function scoreReal(model: Sam, list: string, data: string): Promise<RealScore[]> {
  const whole = new SamPredictor(model, { crop: 0 });
  const crop = new SamPredictor(model, { crop: CROP_FACTOR });
  const scores: RealScore[] = [];
  for (const prompt of await readRealPrompts(list)) {
    const truth = await readPromptTruth(prompt, data);
    if (truth === undefined) continue;
    const image = await readPromptImage(prompt, data);
    await whole.setImage(image);
    await crop.setImage(image);
    const score = (mask: Mask) => dice(flatMask(truth), flatMask(mask));
    for (const [kind, box] of [
      ["tight", prompt.box],
      ["wider", widened(prompt.box, image)],
    ] as const)
      scores.push({
        ...{ id: prompt.id, box: kind },
        whole: score((await whole.predict({ box })).masks[0]),
        crop: score((await crop.predict({ box })).masks[0]),
        filledBox: score(filledBox(image, box)),
        ellipse: score(inscribedEllipse(image, box)),
        otsu: score(otsuInBox(image, box)),
        grabCut: score(grabCut(image, box)),
      });
  }
  await whole.dispose();
  await crop.dispose();
  return scores;
}

function widened([x0, y0, x1, y1]: PixelBox, { width, height }: PixelImage): PixelBox {
  return [
    Math.max(x0 - WIDER, 0),
    Math.max(y0 - WIDER, 0),
    Math.min(x1 + WIDER, width - 1),
    Math.min(y1 + WIDER, height - 1),
  ];
}
