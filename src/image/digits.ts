import { fillRect, type Canvas, type Colour } from "./draw.js";

/** The digits, three columns by five rows each: a row is a digit of 0 to 7, whose bits are its pixels from the left. */
const GLYPHS = ["75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717"];
const [WIDTH, HEIGHT] = [3, 5];

/** How a number is drawn. */
export interface NumberStyle {
  /** Pixels of a dot. */
  readonly scale: number;
  readonly colour: Colour;
  /** Of the box behind it, a dot wider at each side. */
  readonly background: Colour;
}

/** Draws a whole number whose box begins at `x` and `y`. */
export function drawNumber(canvas: Canvas, x: number, y: number, value: number, style: NumberStyle): void {
  const { scale, colour, background } = style;
  const digits = String(value);
  fillRect(
    canvas,
    [x, y, x + scale * (digits.length * (WIDTH + 1) + 1) - 1, y + scale * (HEIGHT + 2) - 1],
    background,
  );
  for (const [n, digit] of [...digits].entries())
    for (let row = 0; row < HEIGHT; row++)
      for (let column = 0; column < WIDTH; column++) {
        if (!((Number(GLYPHS[Number(digit)][row]) >> (WIDTH - 1 - column)) & 1)) continue;
        const [left, top] = [x + scale * (1 + n * (WIDTH + 1) + column), y + scale * (1 + row)];
        fillRect(canvas, [left, top, left + scale - 1, top + scale - 1], colour);
      }
}
