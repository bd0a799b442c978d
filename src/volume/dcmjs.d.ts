/** Writes DICOM files; the package brings no types. Only what `dicomSegWrite.ts` uses. */
declare module "dcmjs" {
  export const log: { setLevel(level: "silent"): void };
  export const data: {
    readonly DicomMetaDictionary: {
      /** From keywords to tags, values in arrays. */
      denaturalizeDataset(dataset: Readonly<Record<string, unknown>>): Record<string, unknown>;
    };
    readonly DicomDict: new (meta: Record<string, unknown>) => {
      dict: Record<string, unknown>;
      write(): ArrayBuffer;
    };
  };
}
