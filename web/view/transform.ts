// From pixels of the image to pixels of the canvas and back.

/** Where the image's top left corner lies on the canvas, and how large a pixel of it is there. */
export interface Transform {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const MAX_SCALE = 64;

/** The whole image, in the middle. */
export function fit(image: Size, canvas: Size, margin = 12): Transform {
  const room = (length: number) => Math.max(1, length - 2 * margin);
  const scale = Math.min(room(canvas.width) / image.width, room(canvas.height) / image.height);
  return {
    scale,
    x: (canvas.width - image.width * scale) / 2,
    y: (canvas.height - image.height * scale) / 2,
  };
}

export function toImage({ x, y, scale }: Transform, at: readonly [number, number]): [number, number] {
  return [(at[0] - x) / scale, (at[1] - y) / scale];
}

export function toCanvas({ x, y, scale }: Transform, at: readonly [number, number]): [number, number] {
  return [at[0] * scale + x, at[1] * scale + y];
}

/** Zooms by a factor around a point of the canvas, which stays where it is. */
export function zoomAt(
  view: Transform,
  at: readonly [number, number],
  factor: number,
  minScale: number,
): Transform {
  const scale = Math.min(MAX_SCALE, Math.max(minScale, view.scale * factor));
  const by = scale / view.scale;
  return { scale, x: at[0] - (at[0] - view.x) * by, y: at[1] - (at[1] - view.y) * by };
}

export function pan(view: Transform, dx: number, dy: number): Transform {
  return { ...view, x: view.x + dx, y: view.y + dy };
}

/** The same part of the image in the middle of a canvas that got another size. */
export function recentred(view: Transform, before: Size, now: Size): Transform {
  return pan(view, (now.width - before.width) / 2, (now.height - before.height) / 2);
}

/** A length in millimetres that is round and shown well within `room` canvas pixels. */
export function rulerLength(millimetresAPixel: number, room: number): number {
  const most = room * millimetresAPixel;
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].find((step) => step * power <= most)! * power;
}
