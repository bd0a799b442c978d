import type { Affine } from "../../../src/volume/affine.js";

export interface NiftiParts {
  readonly version?: 1 | 2;
  readonly littleEndian?: boolean;
  readonly dims: readonly number[];
  readonly datatype: number;
  readonly pixDims?: readonly number[];
  readonly slope?: number;
  readonly intercept?: number;
  readonly units?: number;
  readonly qform?: { code: number; quaternion: readonly number[]; offset: readonly number[] };
  readonly sform?: { code: number; rows: Affine };
  /** Bytes of header extensions between header and voxels. */
  readonly extension?: number;
  readonly magic?: string;
  /** Writes the values, from the given byte on. */
  readonly values: (view: DataView, at: number, littleEndian: boolean) => void;
  readonly bytes: number;
}

/** A NIfTI file put together field by field, as nifti1.h and nifti2.h lay it out. */
export function makeNifti(parts: NiftiParts): Uint8Array {
  const { version = 1, littleEndian: le = true, dims, datatype, extension = 0 } = parts;
  const start = (version === 1 ? 352 : 544) + extension;
  const bytes = new Uint8Array(start + parts.bytes);
  const view = new DataView(bytes.buffer);
  const one = version === 1;
  const real = (at1: number, at2: number, i: number, value: number) =>
    one ? view.setFloat32(at1 + 4 * i, value, le) : view.setFloat64(at2 + 8 * i, value, le);
  const code = (at1: number, at2: number, value: number) =>
    one ? view.setInt16(at1, value, le) : view.setInt32(at2, value, le);
  view.setInt32(0, one ? 348 : 540, le);
  bytes.set(new TextEncoder().encode(parts.magic ?? `n+${version}\0`), one ? 344 : 4);
  view.setInt16(one ? 70 : 12, datatype, le);
  for (let i = 0; i < 8; i++) {
    const side = i === 0 ? dims.length : (dims[i - 1] ?? 1);
    if (one) view.setInt16(40 + 2 * i, side, le);
    else view.setBigInt64(16 + 8 * i, BigInt(side), le);
    real(76, 104, i, parts.pixDims?.[i] ?? 1);
  }
  if (one) view.setFloat32(108, start, le);
  else view.setBigInt64(168, BigInt(start), le);
  real(112, 176, 0, parts.slope ?? 0);
  real(116, 184, 0, parts.intercept ?? 0);
  if (one) view.setUint8(123, parts.units ?? 2);
  else view.setInt32(500, parts.units ?? 2, le);
  const { qform, sform } = parts;
  code(252, 344, qform?.code ?? 0);
  code(254, 348, sform?.code ?? 0);
  [...(qform?.quaternion ?? []), ...(qform?.offset ?? [])].forEach((value, i) => real(256, 352, i, value));
  (sform?.rows ?? []).flat().forEach((value, i) => real(280, 400, i, value));
  if (extension > 0) bytes[one ? 348 : 540] = 1;
  parts.values(view, start, le);
  return bytes;
}
