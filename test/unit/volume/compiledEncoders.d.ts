/** Codecs compiled to JavaScript with their encoders; the packages bring no types. Only what `encoders.ts` uses. */
interface FrameToEncode {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
  readonly isSigned: boolean;
  readonly isUsingColorTransform: boolean;
}

interface FrameEncoder {
  /** Memory of the codec for the samples of a frame; filled by the caller. */
  getDecodedBuffer(frame: FrameToEncode): Uint8Array;
  encode(): void;
  /** Memory of the codec: valid until `delete`. */
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}

interface Jpeg2000Encoder extends FrameEncoder {
  setDecompositions(levels: number): void;
  setQuality(lossless: boolean, quantizationStep: number): void;
}

declare module "@cornerstonejs/codec-openjpeg" {
  function createCodec(): Promise<{ readonly J2KEncoder: new () => Jpeg2000Encoder }>;
  export = createCodec;
}

declare module "@cornerstonejs/codec-openjph" {
  function createCodec(): Promise<{ readonly HTJ2KEncoder: new () => Jpeg2000Encoder }>;
  export = createCodec;
}

declare module "@cornerstonejs/codec-charls" {
  interface JpegLsEncoder extends FrameEncoder {
    /** 0 for the samples of a component together, 2 for those of a pixel. */
    setInterleaveMode(mode: number): void;
  }
  function createCodec(): Promise<{ readonly JpegLSEncoder: new () => JpegLsEncoder }>;
  export = createCodec;
}
