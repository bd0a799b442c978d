import type { ByteSource } from "./byteSource.js";
import { CheckpointError } from "./checkpoint.js";

const WINDOW = 1 << 16;
const END = -1;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
// No number that a program writes, and no literal, is longer; more of one is not read.
const MAX_TOKEN = 64;
const MAX_DEPTH = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A name for an error message: quoted, and cut where a damaged file made it long. */
export function quoted(name: string): string {
  const text = JSON.stringify(name.slice(0, 100));
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/**
 * Reads JSON whose structure the caller knows, value by value, straight from the bytes. `JSON.parse` hides
 * duplicate keys, rounds large numbers and builds whatever a hostile text holds; this reader rejects the first two
 * and builds nothing that was not asked for.
 *
 * Every method throws a `CheckpointError` with the file, the byte and the place in the document.
 */
export class JsonReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;
  private readonly path: string[] = [];

  /**
   * @param position where the text begins in `source`, in bytes.
   * @param end where it ends.
   * @param what the text is called in errors.
   */
  constructor(
    private readonly source: ByteSource,
    private position: number,
    private readonly end: number,
    private readonly what: string,
  ) {}

  /** An object: `onMember` is called after each key and must read the value. Duplicate keys are errors. */
  object(onMember: (key: string) => void): void {
    this.take("{", "an object");
    if (this.takeIf("}")) return;
    const seen = new Set<string>();
    do {
      const key = this.string();
      if (seen.has(key)) this.fail(`the name ${quoted(key)} appears twice`);
      seen.add(key);
      this.take(":", '":"');
      this.path.push(`${this.path.length === 0 ? "" : "."}${quoted(key)}`);
      onMember(key);
      this.path.pop();
    } while (this.takeIf(","));
    this.take("}", '"," or "}"');
  }

  /** An array: `onItem` is called before each item and must read it. */
  array(onItem: (index: number) => void): void {
    this.take("[", "an array");
    if (this.takeIf("]")) return;
    let index = 0;
    do {
      this.path.push(`[${index}]`);
      onItem(index++);
      this.path.pop();
    } while (this.takeIf(","));
    this.take("]", '"," or "]"');
  }

  string(): string {
    this.take('"', "a string");
    const start = this.position - 1;
    for (let byte = this.byteAt(this.position++); byte !== QUOTE; byte = this.byteAt(this.position++)) {
      if (byte === END) this.fail("ends within a string", start);
      if (byte === BACKSLASH) this.position++;
    }
    let text: string;
    try {
      text = JSON.parse(utf8.decode(this.bytes(start, this.position))) as string;
    } catch {
      this.fail("holds a string with an invalid escape, control character or UTF-8 sequence", start);
    }
    if (/\p{Cs}/u.test(text)) this.fail("holds a string with half of a surrogate pair", start);
    return text;
  }

  /** A number from 0 to 2^53 - 1, written in plain digits. */
  wholeNumber(): number {
    const start = this.skipSpace();
    const text = this.token();
    const value = Number(text);
    if (!/^(0|[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(value)) {
      const got = text === "" ? this.describe(start) : text;
      this.fail(`expected a whole number from 0 to 2^53 - 1, got ${got}`, start);
    }
    return value;
  }

  /** Passes over a value of any kind. */
  skip(depth = 0): void {
    if (depth > MAX_DEPTH) this.fail(`is nested more than ${MAX_DEPTH} deep`);
    const start = this.skipSpace();
    const first = this.byteAt(start);
    if (first === QUOTE) this.string();
    else if (first === 0x7b) this.object(() => this.skip(depth + 1));
    else if (first === 0x5b) this.array(() => this.skip(depth + 1));
    else if (!/^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)$/.test(this.token()))
      this.fail(`expected a value, got ${this.describe(start)}`, start);
  }

  /** Only white space may be left. */
  finish(): void {
    const position = this.skipSpace();
    if (position < this.end) this.fail(`expected nothing more, got ${this.describe(position)}`, position);
  }

  /** Rejects the document at the value being read. */
  fail(message: string, position = this.position): never {
    const place = this.path.length === 0 ? "" : `, in ${this.path.join("")}`;
    throw new CheckpointError(`${this.source.name}: ${this.what}, byte ${position}${place}: ${message}`);
  }

  private take(character: string, expected: string): void {
    const position = this.skipSpace();
    if (this.byteAt(position) !== character.charCodeAt(0))
      this.fail(`expected ${expected}, got ${this.describe(position)}`, position);
    this.position++;
  }

  private takeIf(character: string): boolean {
    const found = this.byteAt(this.skipSpace()) === character.charCodeAt(0);
    if (found) this.position++;
    return found;
  }

  /** The letters, digits and signs from here on: a number or a literal. */
  private token(): string {
    const start = this.position;
    while (this.position - start < MAX_TOKEN && isTokenPart(this.byteAt(this.position))) this.position++;
    return String.fromCharCode(...this.bytes(start, this.position));
  }

  /** Moves past white space and gives the position. */
  private skipSpace(): number {
    for (let byte = this.byteAt(this.position); isSpace(byte); byte = this.byteAt(this.position))
      this.position++;
    return this.position;
  }

  private describe(position: number): string {
    const byte = this.byteAt(position);
    if (byte === END) return "the end";
    return byte > 0x20 && byte < 0x7f
      ? `"${String.fromCharCode(byte)}"`
      : `byte 0x${byte.toString(16).padStart(2, "0")}`;
  }

  private byteAt(position: number): number {
    if (position >= this.end) return END;
    if (position >= this.windowStart + this.window.length || position < this.windowStart) {
      this.window = this.source.read(position, Math.min(WINDOW, this.end - position));
      this.windowStart = position;
    }
    return this.window[position - this.windowStart];
  }

  /** Bytes already passed over; read again when the window has moved on. */
  private bytes(start: number, end: number): Uint8Array {
    return start >= this.windowStart
      ? this.window.subarray(start - this.windowStart, end - this.windowStart)
      : this.source.read(start, end - start);
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isTokenPart(byte: number): boolean {
  return byte !== END && /[-+.0-9A-Za-z]/.test(String.fromCharCode(byte));
}
