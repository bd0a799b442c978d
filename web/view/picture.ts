import type { PixelImage } from "../../src/image/pixels.js";
import type { Images } from "../images.js";
import type { DisplayWindow } from "./window.js";

/** What is to be seen: a slice, told apart by its values, in a window. */
interface Wanted {
  readonly pixels: PixelImage;
  readonly slice: number;
  readonly window: DisplayWindow;
}

/**
 * The slice in 8 bits, made by the worker of images: a large one would hold up the page. One is made at a time, then
 * the one that is wanted by then.
 */
export class Picture {
  bitmap: ImageBitmap | undefined;
  private wanted: Wanted | undefined;
  private working = false;

  constructor(
    private readonly images: Images,
    private readonly onChange: () => void,
  ) {}

  want(next: Wanted): void {
    if (this.wanted?.pixels === next.pixels && this.wanted.window === next.window) return;
    this.wanted = next;
    if (!this.working) void this.work();
  }

  private async work(): Promise<void> {
    this.working = true;
    for (let made: Wanted | undefined; made !== this.wanted;) {
      made = this.wanted!;
      // A worker that ended is told of elsewhere; what was shown stays.
      const bitmap = await this.images.shown(made.slice, made.window).catch(() => undefined);
      if (bitmap === undefined) continue;
      this.bitmap?.close();
      this.bitmap = bitmap;
      this.onChange();
    }
    this.working = false;
  }
}
