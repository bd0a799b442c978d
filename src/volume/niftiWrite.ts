import { gzipSync } from "fflate";
import { NIFTI1 } from "nifti-reader-js";
import { column } from "./affine.js";
import type { NiftiGeometry } from "./niftiHeader.js";
import { length } from "./vector.js";
import type { Grid, LabelVolume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

const HEADER = 352;

/**
 * Writes labels as NIfTI-1, in the very place of the volume that they belong to: the transformations of its header
 * where it came from NIfTI, else its affine. Nothing else is taken over: free text may name the patient.
 *
 * @param name of the file to be: compressed where it ends in `.gz`.
 * @throws VolumeError when a side has more than 32,767 voxels, the most that NIfTI-1 can say.
 */
export function niftiLabelBytes(labels: LabelVolume, name: string): Uint8Array {
  const { data } = labels;
  const file = new Uint8Array(HEADER + data.byteLength);
  file.set(niftiLabelHead(labels, data.BYTES_PER_ELEMENT, name));
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), HEADER);
  return name.endsWith(".gz") ? gzipSync(file, { mtime: 0 }) : file;
}

/**
 * The same without the labels, which follow it little-endian, slice by slice.
 *
 * @param bytes of a label: 1 or 2.
 * @throws VolumeError as `niftiLabelBytes`.
 */
export function niftiLabelHead(labels: Omit<LabelVolume, "data">, bytes: number, name: string): Uint8Array {
  const { size } = labels;
  if (size.some((side) => side > 32767))
    throw new VolumeError(`${name}: ${size.join(" x ")} voxels; NIfTI-1 holds at most 32767 a side`);
  const header = new NIFTI1();
  const geometry = labels.nifti ?? fromAffine(labels);
  const { pixDims, qform, sform, units } = geometry;
  header.littleEndian = true;
  header.dims = [3, ...size, 1, 1, 1, 1];
  header.datatypeCode = bytes === 1 ? NIFTI1.TYPE_UINT8 : NIFTI1.TYPE_UINT16;
  header.numBitsPerVoxel = 8 * bytes;
  header.pixDims = [...pixDims.slice(0, 4), 1, 1, 1, 1];
  header.vox_offset = HEADER;
  header.scl_slope = 1;
  header.xyzt_units = units & 7; // of space; labels have no time
  header.intent_code = 1002; // labels
  header.qform_code = qform.code;
  [header.quatern_b, header.quatern_c, header.quatern_d] = qform.quaternion;
  [header.qoffset_x, header.qoffset_y, header.qoffset_z] = qform.offset;
  header.sform_code = sform.code;
  header.affine = [...sform.rows.map((row) => [...row]), [0, 0, 0, 1]];
  header.magic = "n+1\0";
  const head = new Uint8Array(HEADER);
  head.set(new Uint8Array(header.toArrayBuffer()));
  return head;
}

/** A place that DICOM gave, as scanner coordinates. What is unknown stays unknown: size 0, transformation 0. */
function fromAffine({ affine, pixelSpacing, sliceSpacing }: Grid): NiftiGeometry {
  const steps = affine && [0, 1, 2].map((axis) => length(column(affine, axis)));
  const [x, y, z] = steps ?? [pixelSpacing?.[0] ?? 0, pixelSpacing?.[1] ?? 0, sliceSpacing ?? 0];
  return {
    pixDims: [1, x, y, z],
    qform: { code: 0, quaternion: [0, 0, 0], offset: [0, 0, 0] },
    sform: {
      code: affine ? 1 : 0,
      rows: affine ?? [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    },
    units: 2,
  };
}
