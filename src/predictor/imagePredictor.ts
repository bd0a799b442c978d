import type { PromptableModel } from "../model/promptableModel.js";
import { Sam2 } from "../model/sam2/sam2.js";
import { Sam2ImagePredictor } from "./sam2ImagePredictor.js";
import { SamPredictor, type PredictorOptions } from "./samPredictor.js";

/**
 * The predictor for single images that belongs to a model's family.
 *
 * @throws as `SamPredictor`'s constructor.
 */
export function imagePredictor(model: PromptableModel, options: PredictorOptions = {}): SamPredictor {
  return model instanceof Sam2 ? new Sam2ImagePredictor(model, options) : new SamPredictor(model, options);
}
