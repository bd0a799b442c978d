import type { PixelImage } from "./image/pixels.js";
import { trace, type TracedTensor } from "./inspect/trace.js";
import type { PromptableModel } from "./model/promptableModel.js";
import { SamPredictor, type PredictorOptions } from "./predictor/samPredictor.js";
import type { Prompt } from "./predictor/types.js";

/**
 * Predicts a mask and gives the named values that were computed on the way, with PyTorch's axes.
 *
 * @param patterns over paths such as `image_encoder.blocks.*.attn.scores` (see `trace`).
 * @throws RangeError for a pattern that matches nothing, with the names nearest to it; PromptError as `predict`.
 */
export async function traceImage(
  model: PromptableModel,
  image: PixelImage,
  prompt: Prompt,
  patterns: readonly string[],
  options: PredictorOptions = {},
): Promise<Map<string, TracedTensor>> {
  const predictor = new SamPredictor(model, options);
  try {
    const { tensors } = await trace(model, patterns, async () => {
      await predictor.setImage(image);
      await predictor.predict(prompt);
    });
    return tensors;
  } finally {
    await predictor.dispose();
  }
}
