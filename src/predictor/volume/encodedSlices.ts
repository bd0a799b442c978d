import type { PixelImage } from "../../image/pixels.js";
import type { EncodedImage } from "../encodedImage.js";
import type { LongCall } from "../longCall.js";
import type { SamPredictor } from "../samPredictor.js";

/**
 * Slices of a volume in a predictor, one at a time. Those shown before are kept with their features up to a number of
 * bytes, the least recently shown go first, so that coming back to one costs no encoding.
 */
export class EncodedSlices {
  private readonly kept = new Map<number, EncodedImage>();
  private bytes = 0;
  private shown: number | undefined;

  constructor(
    private readonly predictor: SamPredictor,
    private readonly read: (slice: number) => PixelImage | Promise<PixelImage>,
    private readonly mostBytes: number,
  ) {}

  /** Makes a slice the predictor's image. */
  async show(slice: number, call: LongCall): Promise<void> {
    if (this.shown === slice) return;
    this.put(this.shown, await this.predictor.takeImage());
    this.shown = undefined;
    const known = this.kept.get(slice);
    if (known === undefined) await this.predictor.setImage(await this.read(slice), call);
    else {
      this.kept.delete(slice);
      this.bytes -= known.bytes;
      await this.predictor.putImage(known);
    }
    this.shown = slice;
  }

  /** Frees the slices that are kept; the predictor and the slice shown stay. */
  dispose(): void {
    for (const image of this.kept.values()) image.dispose();
    this.kept.clear();
  }

  private put(slice: number | undefined, image: EncodedImage | undefined): void {
    if (slice === undefined || image === undefined) return;
    this.kept.set(slice, image);
    this.bytes += image.bytes;
    for (const [oldest, other] of this.kept) {
      if (this.bytes <= this.mostBytes) break;
      this.kept.delete(oldest);
      this.bytes -= other.bytes;
      other.dispose();
    }
  }
}
