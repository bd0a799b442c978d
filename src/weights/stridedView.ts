import { sizeOf } from "./checkpoint.js";

/** A tensor as a view of a storage, as PyTorch keeps it; all numbers count elements. */
export interface StridedView {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Number of elements of the storage from the view's first to its last, both included. */
export function spanOf({ shape, strides }: StridedView): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis], 1);
}

/** Whether the elements lie in row-major order without gaps. */
export function isContiguous({ shape, strides }: StridedView): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis];
  }
  return true;
}

/**
 * Elements of a view in row-major order.
 *
 * @param span the bytes of the storage that the view spans.
 * @param itemBytes size of an element in bytes.
 */
export function gather(span: Uint8Array, { shape, strides }: StridedView, itemBytes: number): Uint8Array {
  const count = sizeOf(shape);
  const out = new Uint8Array(count * itemBytes);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    for (let byte = 0; byte < itemBytes; byte++) out[to * itemBytes + byte] = span[from * itemBytes + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}
