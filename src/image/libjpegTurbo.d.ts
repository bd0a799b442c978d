/** libjpeg-turbo compiled to JavaScript; the package brings no types. Only what `jpeg.ts` uses. */
declare module "@cornerstonejs/codec-libjpeg-turbo-8bit/decode" {
  interface FrameInfo {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
  }
  interface JpegDecoder {
    /** Memory of the codec for a file of this size; filled by the caller. */
    getEncodedBuffer(size: number): Uint8Array;
    readHeader(): void;
    decode(): void;
    getFrameInfo(): FrameInfo;
    /** Memory of the codec: valid until `delete`. */
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }
  interface Codec {
    readonly JPEGDecoder: new () => JpegDecoder;
  }
  function createCodec(options: {
    print: (line: string) => void;
    printErr: (line: string) => void;
  }): Promise<Codec>;
  export = createCodec;
}
