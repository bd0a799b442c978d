/** OpenJPEG and CharLS compiled to JavaScript; the packages bring no types. Only what `dicomCodecs.ts` uses. */
interface DicomCodecFrame {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
}

interface DicomCodecDecoder {
  /** Memory of the codec for a frame of this size; filled by the caller. */
  getEncodedBuffer(size: number): Uint8Array;
  decode(): void;
  getFrameInfo(): DicomCodecFrame;
  /** Memory of the codec: valid until `delete`. */
  getDecodedBuffer(): Uint8Array;
  delete(): void;
}

interface DicomCodecOptions {
  print: (line: string) => void;
  printErr: (line: string) => void;
}

declare module "@cornerstonejs/codec-openjpeg/decode" {
  interface J2kDecoder extends DicomCodecDecoder {
    readHeader(): void;
  }
  function createCodec(options: DicomCodecOptions): Promise<{ readonly J2KDecoder: new () => J2kDecoder }>;
  export = createCodec;
}

declare module "@cornerstonejs/codec-charls/decode" {
  interface JpegLsDecoder extends DicomCodecDecoder {
    /** 0 where the samples of a component lie together, else those of a pixel do. */
    getInterleaveMode(): number;
  }
  function createCodec(
    options: DicomCodecOptions,
  ): Promise<{ readonly JpegLSDecoder: new () => JpegLsDecoder }>;
  export = createCodec;
}
