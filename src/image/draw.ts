/** A colour, 0..255 each. */
export type Colour = readonly [red: number, green: number, blue: number];

/** An 8-bit RGB picture that is drawn on. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Mixes `colour` into a pixel: 1 covers it, 0 leaves it. Outside the picture nothing happens. */
export function blend(canvas: Canvas, x: number, y: number, colour: Colour, opacity: number): void {
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  const at = 3 * (y * canvas.width + x);
  for (let channel = 0; channel < 3; channel++) {
    const old = canvas.data[at + channel];
    canvas.data[at + channel] = Math.round(old + opacity * (colour[channel] - old));
  }
}

/**
 * Draws the frame of a box, `thickness` pixels wide and centred on its outer pixels.
 *
 * @param box left, top, right, bottom.
 */
export function drawBox(
  canvas: Canvas,
  box: readonly [number, number, number, number],
  thickness: number,
  colour: Colour,
): void {
  const [x0, y0, x1, y1] = box.map(Math.round);
  const out = Math.floor(thickness / 2);
  const [left, top, right, bottom] = [x0 - out, y0 - out, x1 + out, y1 + out];
  const inside = thickness - 1; // from an outer edge to the last pixel of its bar
  fillRect(canvas, [left, top, right, top + inside], colour);
  fillRect(canvas, [left, bottom - inside, right, bottom], colour);
  fillRect(canvas, [left, top, left + inside, bottom], colour);
  fillRect(canvas, [right - inside, top, right, bottom], colour);
}

/** Draws a filled disc with a smooth edge. */
export function drawDisc(canvas: Canvas, x: number, y: number, radius: number, colour: Colour): void {
  for (let row = Math.floor(y - radius - 1); row <= y + radius + 1; row++)
    for (let column = Math.floor(x - radius - 1); column <= x + radius + 1; column++) {
      const covered = radius + 0.5 - Math.hypot(column - x, row - y);
      if (covered > 0) blend(canvas, column, row, colour, Math.min(covered, 1));
    }
}

/** Fills a rectangle, its last column and row included. @param box left, top, right, bottom. */
export function fillRect(
  canvas: Canvas,
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  colour: Colour,
): void {
  const [left, top] = [Math.max(x0, 0), Math.max(y0, 0)];
  const [right, bottom] = [Math.min(x1, canvas.width - 1), Math.min(y1, canvas.height - 1)];
  for (let y = top; y <= bottom; y++)
    for (let x = left; x <= right; x++) canvas.data.set(colour, 3 * (y * canvas.width + x));
}
