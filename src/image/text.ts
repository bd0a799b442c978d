import { fillRect, type Canvas, type Colour } from "./draw.js";

/** Characters of three columns by five rows: a row is a digit of 0 to 7, whose bits are its pixels from the left. */
const GLYPHS: Readonly<Record<string, string>> = {
  ...{ 0: "75557", 1: "26227", 2: "71747", 3: "71717", 4: "55711", 5: "74717", 6: "74757", 7: "71111" },
  ...{ 8: "75757", 9: "75717", A: "25755", B: "65656", C: "34443", D: "65556", E: "74647", F: "74644" },
  ...{ G: "34553", H: "55755", I: "72227", J: "11152", K: "55655", L: "44447", M: "57755", N: "65555" },
  ...{ O: "25552", P: "65644", Q: "25573", R: "65655", S: "34216", T: "72222", U: "55557", V: "55552" },
  ...{ W: "55775", X: "55255", Y: "55222", Z: "71247", ".": "00002", ",": "00024", "-": "00700" },
  ...{ "+": "02720", "/": "11244", "(": "24442", ")": "21112", "%": "51245", ":": "02020", "²": "62300" },
};
const [WIDTH, HEIGHT] = [3, 5];

/** How text is drawn. */
export interface TextStyle {
  /** Pixels of a dot. */
  readonly scale: number;
  readonly colour: Colour;
  /** Where `x` is; default "left". */
  readonly align?: "left" | "middle" | "right";
  /** Of a box behind it, which is a dot wider at each side. */
  readonly background?: Colour;
}

/** Draws text in capitals, its top at `y`. Characters that it does not know are gaps. */
export function drawText(canvas: Canvas, x: number, y: number, text: string, style: TextStyle): void {
  const { scale, colour, align = "left", background } = style;
  const width = Math.max(0, text.length * (WIDTH + 1) - 1) * scale;
  const left = Math.round(x - { left: 0, middle: width / 2, right: width }[align]);
  const top = Math.round(y);
  const dot = (column: number, row: number, across: number, down: number, of: Colour) =>
    fillRect(canvas, [left + column * scale, top + row * scale, left + (column + across) * scale - 1, top + (row + down) * scale - 1], of); // prettier-ignore
  if (background) dot(-1, -1, text.length * (WIDTH + 1) + 1, HEIGHT + 2, background);
  for (const [n, character] of [...text.toUpperCase()].entries())
    for (const [row, bits] of [...(GLYPHS[character] ?? "")].entries())
      for (let column = 0; column < WIDTH; column++)
        if ((Number(bits) >> (WIDTH - 1 - column)) & 1) dot(n * (WIDTH + 1) + column, row, 1, 1, colour);
}
