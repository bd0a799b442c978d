import * as tf from "@tensorflow/tfjs";
import type { Region } from "../image/crop.js";
import type { Prompts } from "../model/promptEncoder.js";
import type { Frame } from "./presets.js";
import type { Prompt } from "./types.js";

/**
 * Prompts on an image as tensors in the frame of the encoder's input.
 *
 * @param prompts all have the same parts.
 * @param region the part of the image that the encoder sees.
 */
export function promptTensors(
  prompts: readonly Prompt[],
  { imageSize, inputSize, promptScale, wholePixels }: Frame,
  { x, y }: Region,
): Prompts {
  const batch = prompts.length;
  const [scaleY, scaleX] = [0, 1].map((axis) => promptScale ?? inputSize[axis] / imageSize[axis]);
  const [{ pointCoords, box, maskInput }] = prompts;
  const points = pointCoords?.length ?? 0;
  const scaled = (coordinates: readonly number[]) =>
    coordinates
      .map((c, n) => (n % 2 === 0 ? (c - x) * scaleX : (c - y) * scaleY))
      .map((c) => (wholePixels === true ? Math.trunc(c) : c));
  return {
    ...(points > 0 && {
      pointCoords: tf.tensor(scaled(prompts.flatMap((p) => (p.pointCoords ?? []).flat())), [
        batch,
        points,
        2,
      ]),
      pointLabels: tf.tensor(
        prompts.flatMap((p) => p.pointLabels ?? []),
        [batch, points],
      ),
    }),
    ...(box && { boxes: tf.tensor(scaled(prompts.flatMap((p) => p.box ?? [])), [batch, 4]) }),
    ...(maskInput && {
      maskInputs: tf.tensor4d(maskInput.data, [batch, maskInput.height, maskInput.width, 1]),
    }),
  };
}
