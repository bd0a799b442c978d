import { zlibSync } from "fflate";
import { column } from "./affine.js";
import { concatenate } from "./inflate.js";
import { length } from "./vector.js";
import type { LabelVolume } from "./volume.js";

/** Writes labels as a compressed MetaImage (`.mha`), in the place of their volume. What is unknown is not said. */
export function metaImageLabelBytes({
  size,
  data,
  affine,
  pixelSpacing,
  sliceSpacing,
}: LabelVolume): Uint8Array {
  const values = zlibSync(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const columns = affine && [0, 1, 2, 3].map((axis) => column(affine, axis));
  const steps = columns?.slice(0, 3).map(length) ?? [pixelSpacing?.[0], pixelSpacing?.[1], sliceSpacing];
  // In DICOM's axes, as ITK has them: row i of the matrix is the direction of axis i.
  const turned = columns?.map(([x, y, z], axis) =>
    [-x, -y, z].map((part) => (axis < 3 ? part / length(columns[axis]) : part) + 0).join(" "),
  );
  const header = [
    "ObjectType = Image",
    "NDims = 3",
    "BinaryData = True",
    "BinaryDataByteOrderMSB = False",
    "CompressedData = True",
    `CompressedDataSize = ${values.length}`,
    ...(turned
      ? [
          `TransformMatrix = ${turned.slice(0, 3).join(" ")}`,
          `Offset = ${turned[3]}`,
          "CenterOfRotation = 0 0 0",
        ]
      : []),
    ...(steps.every((side) => side !== undefined) ? [`ElementSpacing = ${steps.join(" ")}`] : []),
    `DimSize = ${size.join(" ")}`,
    `ElementType = ${data instanceof Uint16Array ? "MET_USHORT" : "MET_UCHAR"}`,
    "ElementDataFile = LOCAL",
  ];
  const start = new TextEncoder().encode(`${header.join("\n")}\n`);
  return concatenate([start, values], start.length + values.length);
}
