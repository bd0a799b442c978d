import { readNpy } from "../../image/npy.js";
import { assertSize, type LabelImage, type PixelImage } from "../../image/pixels.js";
import { DataError } from "./caseFile.js";

/**
 * An image of MedSAM's npy layout: [H, W, 3] or [H, W], real values of 0..1 or whole ones of 0..255. The former become
 * 8 bits, as all images do here before a preset prepares them: 0.002 of the range off at most.
 *
 * @see MedSAM's pre_CT_MR.py and utils/pre_grey_rgb.py, which write it
 */
export function npyImage(bytes: Uint8Array, name: string): PixelImage {
  const { shape, data } = readNpy(bytes, name);
  const [height, width, channels = 1] = shape;
  if (shape.length < 2 || shape.length > 3 || (channels !== 1 && channels !== 3))
    throw new DataError(`${name}: is [${shape.join(", ")}]; expected an image [H, W, 3] or [H, W]`);
  assertSize(width, height, name);
  const scale = data.every((value: number) => value >= 0 && value <= 1) ? 255 : 1;
  const wrong = data.find((value) => !(value >= 0 && value <= 255));
  if (wrong !== undefined)
    throw new DataError(`${name}: has the value ${wrong}; expected 0..1, as MedSAM writes it, or 0..255`);
  return {
    ...{ width, height, channels },
    data:
      data instanceof Uint8Array && scale === 1 ? data : Uint8Array.from(data, (v) => Math.round(scale * v)),
  };
}

/** Labels of MedSAM's npy layout: [H, W], whole numbers of 0..65535. */
export function npyLabels(bytes: Uint8Array, name: string): LabelImage {
  const { shape, data } = readNpy(bytes, name);
  const [height, width] = shape;
  if (shape.length !== 2)
    throw new DataError(`${name}: is [${shape.join(", ")}]; expected a label map [H, W]`);
  assertSize(width, height, name);
  const wrong = data.find((value) => !Number.isInteger(value) || value < 0 || value > 65535);
  if (wrong !== undefined)
    throw new DataError(`${name}: has the label ${wrong}; expected integers of 0..65535`);
  return { width, height, data: data instanceof Uint8Array ? data : Uint16Array.from(data) };
}
