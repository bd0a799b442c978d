import { VolumeError } from "./volumeError.js";

/** Longest header of text that is read, in bytes: those of segmentations name each segment. */
const MAX_HEADER = 2 ** 22;

/** Reads the lines of a header of text one after the other. */
export class HeaderLines {
  /** Where the next line begins. */
  at = 0;
  private readonly decoder = new TextDecoder();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly name: string,
  ) {}

  /** The next line without its end; undefined at the end of the file. @throws VolumeError when the header has no end. */
  next(): string | undefined {
    if (this.at >= this.bytes.length) return undefined;
    const found = this.bytes.subarray(0, MAX_HEADER).indexOf(10, this.at);
    const end = found < 0 ? this.bytes.length : found;
    if (end >= MAX_HEADER)
      throw new VolumeError(`${this.name}: is damaged: its header does not end within ${MAX_HEADER} bytes`);
    const line = this.decoder.decode(this.bytes.subarray(this.at, end));
    this.at = Math.min(end + 1, this.bytes.length);
    return line.replace(/\r$/, "");
  }
}

/** Numbers with spaces or commas between. @throws VolumeError naming the field when one is none. */
export function numbersIn(text: string, field: string, name: string): number[] {
  const words = text.trim().split(/[\s,]+/);
  return words.map((word) => {
    const value = /^[+-]?nan$/i.test(word) ? NaN : Number(word.replace(/^([+-]?)inf$/i, "$1Infinity"));
    if (word === "" || (Number.isNaN(value) && !/nan$/i.test(word)))
      throw new VolumeError(`${name}: ${field} is "${text.trim()}"; expected numbers`);
    return value;
  });
}

/** File names for a pattern with one number, such as `slice%03d.raw 1 20 1`. @throws VolumeError when it names none. */
export function filesOfPattern(
  [pattern, first, last, step = "1"]: readonly string[],
  most: number,
  name: string,
): string[] {
  const [from, to, by] = [first, last, step].map(Number);
  const count = Math.floor((to - from) / by) + 1;
  if (![from, to, by].every(Number.isInteger) || !(count >= 1 && count <= most))
    throw new VolumeError(
      `${name}: its values lie in ${pattern} ${first} ${last} ${step}; expected the numbers of 1 to ${most} files`,
    );
  return Array.from({ length: count }, (_, n) =>
    pattern.replace(/%(0?)(\d*)d/, (_, zero: string, width: string) =>
      String(from + n * by).padStart(Math.min(Number(width), 20), zero === "" ? " " : "0"),
    ),
  );
}
