import { filledBox, inscribedEllipse } from "../../evaluate/baselines.js";
import { dice } from "../../evaluate/overlap.js";
import { flatMask } from "../../evaluate/voxelMask.js";
import type { Mask } from "../../image/mask.js";
import type { Sam } from "../../model/sam.js";
import { SamPredictor } from "../../predictor/samPredictor.js";
import { handDrawnBox, type PromptBox } from "../prompts.js";
import { Random } from "../random.js";
import { synthesize } from "../synthetic.js";
import { PICTURE_SIZE } from "./pictures.js";

/** Another than any training's. */
const VALIDATION_SEED = 20_260_000;
/** Times the box's longer side, when the model sees a crop. */
export const CROP_FACTOR = 2;

/** Mean Dice over the prompts. */
export interface EmbeddedScores {
  readonly prompts: number;
  readonly tight: ModeScores;
  readonly jittered: ModeScores;
}

export interface ModeScores {
  readonly whole: number;
  readonly crop: number;
  readonly filledBox: number;
  readonly ellipse: number;
}

/**
 * Dice on generated pictures that no training sees: of the tight box and of one drawn by hand, the model seeing the
 * whole picture and a crop of twice the box, beside what needs no model.
 *
 * @param prompts at least so many; all objects of a picture are taken.
 */
export async function validateEmbedded(model: Sam, prompts: number): Promise<EmbeddedScores> {
  const predictor = new SamPredictor(model, { crop: 0 });
  const cropping = new SamPredictor(model, { crop: CROP_FACTOR });
  const sums = { tight: emptySums(), jittered: emptySums() };
  let count = 0;
  for (let index = 0; count < prompts; index++) {
    const { image, objects } = synthesize(VALIDATION_SEED, index, { size: PICTURE_SIZE });
    const random = new Random(VALIDATION_SEED).split(index);
    const drawn = objects.map(({ box }) => handDrawnBox(box, [PICTURE_SIZE, PICTURE_SIZE], random));
    const boxes: PromptBox[] = [...objects.map(({ box }) => box), ...drawn];
    await predictor.setImage(image);
    await cropping.setImage(image);
    const whole = await predictor.predictBoxes(boxes);
    const cropped = await cropping.predictBoxes(boxes);
    for (const [n, box] of boxes.entries()) {
      const truth = objects[n % objects.length].mask;
      const sum = n < objects.length ? sums.tight : sums.jittered;
      const pixels = box.map(Math.round) as unknown as PromptBox;
      const score = (mask: Mask) => dice(flatMask(truth), flatMask(mask));
      sum.whole += score(whole[n].masks[0]);
      sum.crop += score(cropped[n].masks[0]);
      sum.filledBox += score(filledBox(image, pixels));
      sum.ellipse += score(inscribedEllipse(image, pixels));
    }
    count += objects.length;
  }
  await predictor.dispose();
  await cropping.dispose();
  const means = (sum: Record<keyof ModeScores, number>): ModeScores => ({
    whole: sum.whole / count,
    crop: sum.crop / count,
    filledBox: sum.filledBox / count,
    ellipse: sum.ellipse / count,
  });
  return { prompts: count, tight: means(sums.tight), jittered: means(sums.jittered) };
}

function emptySums(): Record<keyof ModeScores, number> {
  return { whole: 0, crop: 0, filledBox: 0, ellipse: 0 };
}
