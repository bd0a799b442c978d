/** A volume that cannot be read, written or used: says which file, which tag, what was expected and what came. */
export class VolumeError extends Error {
  override name = "VolumeError";
}
