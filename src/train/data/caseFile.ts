import { ImageError } from "../../image/pixels.js";
import { VolumeError } from "../../volume/volumeError.js";

/** An image and its labels as a data set's files have them: what it takes to read them, and to split by. */
export interface CaseFile {
  /** What messages and reports call it; unique in its data set. */
  readonly id: string;
  /** Path of the image: a file, or the folder of a DICOM series. */
  readonly image: string;
  /** Path of the labels: the image's own where it holds both, as MedSAM's npz does. */
  readonly labels: string;
  /** Patient, volume or film that it belongs to: never on both sides of a split. */
  readonly group: string;
  /** The side that the data set itself puts it on. */
  readonly split?: Split;
  /** Of a volume, from 0 on, along its last axis. */
  readonly slice?: number;
}

/** What is in a file, and what its readers have to say of it. */
export interface Examined {
  readonly cases: readonly CaseFile[];
  readonly warnings: readonly string[];
}

/** What is there to test is left alone. */
export type Split = "train" | "validation" | "test";

/** A part of a data set that cannot be used, and why. */
export interface Problem {
  readonly id: string;
  readonly reason: string;
}

/** What a data set has to offer, before any file is opened. */
export interface FoundCases {
  readonly cases: readonly CaseFile[];
  /** Images without labels, and the other way round. */
  readonly problems: readonly Problem[];
}

/** A data set that cannot be used as it is: says what, where, what was expected and what to do. */
export class DataError extends Error {
  override name = "DataError";
}

/** Whether an error says that a file cannot be used, rather than that this program is at fault. */
export function isAboutFile(error: unknown): error is Error {
  const known = error instanceof DataError || error instanceof ImageError || error instanceof VolumeError;
  return known || (error instanceof Error && "syscall" in error);
}

const SPLITS: Readonly<Record<string, Split>> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  test: "test",
  testing: "test",
};

/** What people call the sides of a split; `undefined` for any other word. */
export function splitNamed(word: string): Split | undefined {
  return Object.hasOwn(SPLITS, word.toLowerCase()) ? SPLITS[word.toLowerCase()] : undefined;
}
