import * as tf from "@tensorflow/tfjs";
import { checkPixels } from "../image/pixels.js";
import { LayerShapeError } from "../layers/layer.js";
import { disposeFeatures, featureBytes, type ImageFeatures } from "../model/features.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { runSteps, type LongCall } from "./longCall.js";
import type { Preset } from "./presets.js";
import { toEightBit } from "./presetTable.js";
import { PromptError } from "./types.js";
import type { VideoFrames } from "./videoState.js";

/** Features of a video's frames, computed when they are asked for; the least recently used are forgotten first. */
export class FrameFeatures {
  private readonly kept = new Map<number, ImageFeatures>();
  private frames: VideoFrames | undefined;
  private bytes = 0;

  /** @param mostBytes of features beside those asked for last. */
  constructor(
    private readonly model: PromptableModel,
    private readonly preset: Preset,
    private readonly mostBytes: number,
  ) {}

  /**
   * The features of a frame. They are borrowed, until the next call.
   *
   * @throws PromptError for a frame of another size than the video's; RangeError when the model is disposed.
   */
  async of(frames: VideoFrames, frame: number, call: LongCall): Promise<ImageFeatures> {
    if (this.model.isDisposed) throw new RangeError("the model is disposed; load it again");
    if (this.frames !== frames) this.clear();
    this.frames = frames;
    const known = this.kept.get(frame);
    this.kept.delete(frame);
    const features = known ?? (await this.compute(frames, frame, call));
    if (known === undefined) this.bytes += featureBytes(features);
    this.kept.set(frame, features);
    for (const [oldest, other] of this.kept) {
      if (this.bytes - featureBytes(features) <= this.mostBytes || other === features) break;
      this.kept.delete(oldest);
      this.bytes -= featureBytes(other);
      disposeFeatures(other);
    }
    return features;
  }

  /** Forgets all, and frees them. */
  clear(): void {
    for (const features of this.kept.values()) disposeFeatures(features);
    this.kept.clear();
    this.bytes = 0;
  }

  private async compute(frames: VideoFrames, frame: number, call: LongCall): Promise<ImageFeatures> {
    const image = checkPixels(await frames.read(frame));
    if (image.width !== frames.width || image.height !== frames.height)
      throw new PromptError(
        `frame ${frame} is ${image.width} x ${image.height}; expected ${frames.width} x ${frames.height}, the size of ` +
          "all frames of this video",
      );
    const { pixels, frame: placed } = this.preset.prepare(
      toEightBit(this.preset, image),
      this.model.config.imageSize,
    );
    const input = tf.tensor4d(pixels, [1, placed.side, placed.side, 3]);
    try {
      return await runSteps(this.model.encodeInSteps(input), call);
    } catch (error) {
      throw error instanceof LayerShapeError ? error.within(this.model) : error;
    } finally {
      input.dispose();
    }
  }
}
