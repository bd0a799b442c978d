import type { RawSamples } from "./frameFormat.js";
import { VolumeError } from "./volumeError.js";

/** Options of a codec, which keeps the object as its own. */
export const silent = () => ({ print: () => {}, printErr: () => {} });

/** A compiled codec, loaded when first needed. */
export class LazyCodec<T> {
  private loaded: Promise<T> | undefined;
  constructor(private readonly load: () => Promise<T>) {}

  get(): Promise<T> {
    return (this.loaded ??= this.load());
  }

  /** After a failure its memory may not be as it was. */
  forget(): void {
    this.loaded = undefined;
  }
}

/** Runs a compiled codec and copies what it gives out of its memory. */
export function runCodec(
  codec: LazyCodec<unknown>,
  decoder: DicomCodecDecoder,
  frame: Uint8Array,
  what: string,
  arrange: (samples: Uint8Array | Uint16Array) => RawSamples,
): RawSamples {
  try {
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decode();
    const bytes = Uint8Array.from(decoder.getDecodedBuffer());
    const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo();
    const samples = bitsPerSample <= 8 ? bytes : new Uint16Array(bytes.buffer);
    if (bitsPerSample > 16 || samples.length !== width * height * componentCount)
      throw new VolumeError(`${what} of ${bitsPerSample} bits a sample, which is not read`);
    return arrange(samples);
  } catch (error) {
    if (error instanceof VolumeError) throw error;
    codec.forget(); // what compiled code throws is a number or text of its own
    throw new VolumeError(`${what} is damaged`);
  } finally {
    decoder.delete();
  }
}
