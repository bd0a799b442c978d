import { test, type TestOptions } from "vitest";

/** A habit of a program that writes images, and what this project makes of such files: a row of docs/files-that-work.md. */
export interface FileHabit {
  readonly format: "DICOM" | "NIfTI" | "NRRD and MetaImage" | "TIFF" | "PNG, JPEG and npz";
  /** The program, scanner or kind of data: nibabel, tifffile, PET, scouts. */
  readonly from: string;
  /** What is unusual about its files. */
  readonly habit: string;
  /** What the reader of this project gives. */
  readonly result: string;
}

/**
 * A test that a kind of file works. Each makes a row of docs/files-that-work.md, so there is no row without a test.
 * `npm run files:table` writes the page from the sources (also after a merge conflict in it): write the row's texts as
 * plain strings.
 */
export function fileWorks(row: FileHabit, run: () => void | Promise<void>, options: TestOptions = {}): void {
  test(`${row.from}: ${row.habit}`, options, run);
}
