import { VolumeError } from "./volumeError.js";

/** A JPEG's Huffman code: how many codes there are of 1 to 16 bits, and the symbols in ascending order of code. */
export class HuffmanTable {
  /** By length: the first code, and where its symbol is. */
  private readonly first = new Int32Array(17);
  private readonly start = new Int32Array(17);

  constructor(
    private readonly counts: Uint8Array,
    private readonly symbols: Uint8Array,
    name: string,
  ) {
    let [code, at] = [0, 0];
    for (let length = 1; length <= 16; length++) {
      this.first[length] = code;
      this.start[length] = at;
      code = (code + counts[length - 1]) << 1;
      at += counts[length - 1];
    }
    if (at !== symbols.length) throw new VolumeError(`${name}: damaged JPEG: a Huffman table is cut off`);
  }

  /** The symbol of a code; undefined when there is none of this length. */
  find(code: number, length: number): number | undefined {
    const index = code - this.first[length];
    return index >= 0 && index < this.counts[length - 1]
      ? this.symbols[this.start[length] + index]
      : undefined;
  }
}

/** The bits of a JPEG's scan. Behind a byte 255 the coder puts a 0; anything else there is a marker. */
export class JpegBits {
  private buffer = 0;
  private left = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly name: string,
  ) {}

  symbol(table: HuffmanTable): number {
    let code = 0;
    for (let length = 1; length <= 16; length++) {
      code = (code << 1) | this.bit();
      const symbol = table.find(code, length);
      if (symbol !== undefined) return symbol;
    }
    throw new VolumeError(`${this.name}: damaged JPEG: a code that is in no table`);
  }

  /** A number of `size` bits; those that begin with 0 are negative. */
  signed(size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value = (value << 1) | this.bit();
    return size > 0 && value < 2 ** (size - 1) ? value - 2 ** size + 1 : value;
  }

  /** Skips to behind the next restart marker. */
  restart(): void {
    this.left = 0;
    if (this.bytes[this.at] !== 0xff || (this.bytes[this.at + 1] & 0xf8) !== 0xd0)
      throw new VolumeError(`${this.name}: damaged JPEG: a restart marker is missing`);
    this.at += 2;
  }

  private bit(): number {
    if (this.left === 0) {
      this.buffer = this.bytes[this.at++];
      this.left = 8;
      if (this.at > this.bytes.length || (this.buffer === 0xff && this.bytes[this.at++] !== 0))
        throw new VolumeError(`${this.name}: damaged JPEG: is cut off`);
    }
    this.left--;
    return (this.buffer >> this.left) & 1;
  }
}
