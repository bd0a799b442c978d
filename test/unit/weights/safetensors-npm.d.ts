/** npm `safetensors` 0.0.1, which comes without types: what the cross-check uses of it. */
declare module "safetensors" {
  interface SafeTensor {
    /** Offsets are from the start of the file. */
    readonly metadata: ReadonlyMap<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    getTensor(name: string): Uint8Array;
  }
  const npm: { SafeTensor: new (file: Uint8Array) => SafeTensor };
  export = npm;
}
