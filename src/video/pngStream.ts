import { VideoError } from "./video.js";

const SIGNATURE = "89504e470d0a1a0a";

/** Where a PNG file lies in a stream. */
export interface StreamedPng {
  readonly start: number;
  readonly length: number;
}

/** Finds where PNG files begin and end that follow one another in a stream, whatever pieces it comes in. */
export class PngStream {
  /** The files that have ended. */
  readonly files: StreamedPng[] = [];
  /** A file's signature, or the head of one of its chunks: 8 bytes both. */
  private readonly head = Buffer.alloc(8);
  private filled = 0;
  private isSignature = true;
  /** Bytes of a chunk that are still to come. */
  private left = 0;
  private isLast = false;
  private start = 0;
  private at = 0;

  /** @throws VideoError when it is no PNG. */
  push(piece: Uint8Array): void {
    for (let i = 0; i < piece.length;) {
      const count = Math.min(piece.length - i, this.left > 0 ? this.left : 8 - this.filled);
      if (this.left > 0) {
        this.left -= count;
        if (this.left === 0 && this.isLast) this.end(this.at + count);
      } else {
        this.head.set(piece.subarray(i, i + count), this.filled);
        this.filled += count;
        if (this.filled === 8) this.begin();
      }
      i += count;
      this.at += count;
    }
  }

  /** Whether a file has begun that has not ended. */
  get isInside(): boolean {
    return this.at > this.start;
  }

  private begin(): void {
    this.filled = 0;
    if (this.isSignature) {
      if (this.head.toString("hex") !== SIGNATURE)
        throw new VideoError("ffmpeg gave something other than PNG frames");
      this.isSignature = false;
      return;
    }
    this.left = this.head.readUInt32BE(0) + 4; // the checksum
    this.isLast = this.head.toString("latin1", 4) === "IEND";
  }

  private end(at: number): void {
    this.files.push({ start: this.start, length: at - this.start });
    this.start = at;
    this.isSignature = true;
    this.isLast = false;
  }
}
