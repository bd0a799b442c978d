/**
 * Random access to bytes that may lie in memory or in a file, so that one reader serves both and a tensor is
 * read without reading the file.
 */
export interface ByteSource {
  /** File name or URL, for error messages. */
  readonly name: string;
  readonly size: number;
  /** Bytes `[offset, offset + length)`; the caller has checked that they lie inside `size`. */
  read(offset: number, length: number): Uint8Array;
  /** Lets go of the file; nothing can be read afterwards. */
  close(): void;
}

/** Bytes already in memory; `read` gives views, not copies. */
export function bytesSource(bytes: Uint8Array, name = "bytes"): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    close() {},
  };
}
