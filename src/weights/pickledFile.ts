import type { Storage } from "./torchPickle.js";

/** ViT-H with its optimizer's state takes 0.2 MB. */
export const MAX_PICKLE_BYTES = 8e6;

/** A file of `torch.save`: what its pickle holds, and where the storages are that the tensors in it are views of. */
export interface PickledFile {
  readonly root: unknown;
  /** A storage's bytes, or nothing when the file lacks it. */
  storage(storage: Storage): StoredBytes | undefined;
}

/** A storage's bytes in the file. */
export interface StoredBytes {
  /** In bytes. */
  readonly size: number;
  /** Bytes `[from, from + length)` of it; the caller has checked that they lie inside. */
  read(from: number, length: number): Uint8Array;
}
