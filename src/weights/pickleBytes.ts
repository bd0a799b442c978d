import { CheckpointError } from "./checkpoint.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the arguments of a pickle's opcodes, front to back. Nothing is read beyond the end. */
export class PickleBytes {
  /** Bytes read so far. */
  at = 0;
  private readonly view: DataView;

  /** @param source what the user calls the file, for error messages. */
  constructor(
    private readonly bytes: Uint8Array,
    readonly source: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  damaged(message: string): CheckpointError {
    return new CheckpointError(`${this.source}: its pickle is damaged, before byte ${this.at}: ${message}`);
  }

  /** Unsigned little-endian number of 1, 2, 4 or 8 bytes. */
  uint(size: 1 | 2 | 4 | 8): number {
    const from = this.advance(size);
    switch (size) {
      case 1:
        return this.view.getUint8(from);
      case 2:
        return this.view.getUint16(from, true);
      case 4:
        return this.view.getUint32(from, true);
      case 8:
        return Number(this.view.getBigUint64(from, true));
    }
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  take(length: number): Uint8Array {
    const from = this.advance(length);
    return this.bytes.subarray(from, from + length);
  }

  text(length: number): string {
    const bytes = this.take(length);
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.damaged("a string that is not UTF-8");
    }
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.damaged("a name does not end");
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  /** Little-endian two's complement. */
  long(length: number): number | bigint {
    const bytes = this.take(length);
    if (length > 16) throw this.damaged(`a whole number of ${length} bytes`);
    let value = 0n;
    for (let n = length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n]);
    if (length > 0 && bytes[length - 1] >= 0x80) value -= 1n << BigInt(8 * length);
    const plain = Number(value);
    return Number.isSafeInteger(plain) ? plain : value;
  }

  private advance(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from)
      throw this.damaged(`it ends after ${this.bytes.length} bytes, where ${length} more should follow`);
    this.at += length;
    return from;
  }
}
