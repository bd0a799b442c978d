import type { Mask } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";

/** An image with what is to be found in it: at least one object. */
export interface TrainingCase {
  /** What messages and reports call it; unique in its data. */
  readonly id: string;
  readonly image: PixelImage;
  /** Masks of the image's size, none of them empty. */
  readonly objects: readonly Mask[];
}

/** Cases that can be read in any order, again and again: the same number always gives the same case. */
export interface TrainingData {
  readonly length: number;
  /** What decides how the cases are read, where there is a choice: a resumed training must have the same. */
  readonly reading?: Readonly<Record<string, string>>;
  /** Tells data of the same names apart, by the sizes of their files: a resumed training must have the same. */
  readonly contents?: string;
  /** `id` of case `index`, from 0, without reading it. */
  idOf(index: number): string;
  /** Case `index`, from 0. Rejects with a DataError where it cannot be read. */
  read(index: number): Promise<TrainingCase>;
}
