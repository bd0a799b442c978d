import { VolumeError } from "./volumeError.js";

/**
 * Gives the bytes of a file beside the one that is read, for headers whose values lie in a file of their own.
 *
 * @param file its name, relative to the header's folder; undefined comes back where there is none.
 */
export type Beside = (file: string) => Promise<Uint8Array | undefined>;

/**
 * The first of some files beside a header.
 *
 * @throws VolumeError naming header and files when there is none.
 */
export async function fileBeside(
  beside: Beside | undefined,
  files: readonly string[],
  name: string,
): Promise<Uint8Array> {
  for (const file of files) {
    // What a header names is looked for in its own folder or below, never elsewhere on the disk.
    if (/^([/\\]|[a-z]:)|(^|[/\\])\.\.([/\\]|$)/i.test(file))
      throw new VolumeError(
        `${name}: its values lie in ${file}, outside of its folder; put the file beside it, and name it so in the header`,
      );
    const bytes = await beside?.(file);
    if (bytes !== undefined) return bytes;
  }
  throw new VolumeError(
    `${name}: is a header whose values lie in ${files.join(" or ")}, which is not there; put both files in one ` +
      "folder, and in the page open both together",
  );
}

/** The part of a path after its last folder. */
export const fileName = (path: string): string => path.replace(/^.*[/\\]/, "");
