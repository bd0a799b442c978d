import { maskLayer, type ShownMask } from "./maskLayer.js";

/**
 * The masks of a slice, one over the other in a picture of the image's size: a frame then draws one picture however
 * many masks there are, and a mask that comes last is laid on what is there.
 */
export class MaskStack {
  private canvas: OffscreenCanvas | undefined;
  private held: readonly ShownMask[] = [];

  /** The picture of these masks, the first at the bottom; undefined when there is none. */
  picture(masks: readonly ShownMask[]): OffscreenCanvas | undefined {
    if (masks.length === 0) {
      this.canvas = undefined;
      this.held = [];
      return undefined;
    }
    const { width, height } = masks[0].mask;
    const goesOn = this.canvas !== undefined && this.held.every((mask, n) => isSame(mask, masks[n]));
    if (!goesOn) this.canvas = new OffscreenCanvas(width, height);
    const context = this.canvas!.getContext("2d");
    for (const mask of masks.slice(goesOn ? this.held.length : 0)) {
      const layer = maskLayer(mask);
      if (layer) context?.drawImage(layer.canvas, layer.x, layer.y);
    }
    this.held = masks;
    return this.canvas;
  }
}

function isSame(a: ShownMask, b: ShownMask | undefined): boolean {
  return a.mask === b?.mask && a.colour === b.colour;
}
