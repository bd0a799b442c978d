import type { NumberArray, PixelImage, Samples } from "../image/pixels.js";
import type { DicomImage } from "../volume/dicomImage.js";
import { frameDecoder } from "../volume/dicomPixels.js";
import { realNumbers } from "../volume/values.js";
import { assertFrameCount, numberName, type Video } from "./video.js";

/**
 * A DICOM file of several frames: ultrasound, endoscopy, angiography. Its frames stay in the order of the file.
 *
 * @throws VideoError when there are too many frames; VolumeError when the pixels are not all there.
 */
export function dicomVideo(image: DicomImage): Video {
  const { name, set, format, planes, meaning } = image;
  const { columns, rows, frames, samples } = format;
  assertFrameCount(name, frames, "cut the video first");
  const decode = frameDecoder(set, format);
  const { pixelSpacing } = planes[0];
  const seconds = secondsOf(image);
  const isPlain = (frame: number) =>
    !meaning.inverted &&
    !meaning.padding &&
    !meaning.palette &&
    planes[frame].slope === 1 &&
    planes[frame].intercept === 0;
  const read = async (frame: number): Promise<PixelImage> => {
    const stored = await decode(frame);
    const { slope, intercept } = planes[frame];
    const data = isPlain(frame) ? samplesOf(stored) : realNumbers(stored, { ...meaning, slope, intercept });
    return { width: columns, height: rows, channels: samples === 3 || meaning.palette ? 3 : 1, data };
  };
  return {
    ...{ name, count: frames, width: columns, height: rows, image, read },
    ...(pixelSpacing && { pixelSize: pixelSpacing }),
    ...(seconds && { seconds }),
    ...(meaning.modality && { modality: meaning.modality }),
    warnings: image.warnings.map((warning) => `${name}: ${warning}`),
    frameName: numberName,
    close: () => Promise.resolve(),
  };
}

/** Bytes and unsigned 16-bit values stay, all others become single precision. */
function samplesOf(values: NumberArray): Samples {
  return values instanceof Uint8Array || values instanceof Uint16Array ? values : Float32Array.from(values);
}

/** When frames were taken, where the file says how many milliseconds apart. */
function secondsOf({ set, planes }: DicomImage): number[] | undefined {
  const steps = set.numbers("FrameTimeVector");
  if (steps !== undefined && steps.length === planes.length) {
    let time = -steps[0];
    return steps.map((step) => (time += step) / 1000);
  }
  const step = set.number("FrameTime");
  return step !== undefined && step > 0 ? planes.map((_, frame) => (frame * step) / 1000) : undefined;
}
