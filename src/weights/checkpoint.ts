/**
 * What every checkpoint format is read into: named tensors whose values are fetched one at a time.
 *
 * Shapes and element order are PyTorch's (row-major, as in the state_dict); `layout.ts` alone knows how they
 * become TensorFlow.js's.
 */

/** Element types, by their safetensors names. */
export type DType = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

/** Size of one element in bytes. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Type and shape of a tensor in a checkpoint, as PyTorch has it. */
export interface TensorInfo {
  readonly dtype: DType;
  /** PyTorch's shape; `[]` for a scalar. */
  readonly shape: readonly number[];
}

/** A checkpoint that is open for reading. Reading is synchronous, one tensor at a time. */
export interface Checkpoint {
  /** What the user calls it (file name or URL), for error messages. */
  readonly source: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Values that are no tensors and of classes that are not known, with their class; nothing of them was run. */
  readonly skipped?: readonly string[];
  /** The tensor's elements, contiguous, in its own dtype, little-endian. */
  readBytes(name: string): Uint8Array;
  /** Releases the file behind it; reading afterwards is an error. */
  close(): void;
}

/** A checkpoint that cannot be read, or does not fit: says what, where, what was expected and what came. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}
