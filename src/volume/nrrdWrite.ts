import { gzipSync } from "fflate";
import { maskColour } from "../image/overlay.js";
import { column } from "./affine.js";
import { concatenate } from "./inflate.js";
import type { Segment } from "./segments.js";
import type { LabelVolume } from "./volume.js";

/**
 * Writes labels as NRRD, compressed, in the place of their volume. With segments it is a segmentation of 3D Slicer
 * (`.seg.nrrd`), which other programs read as a label map.
 */
export function nrrdLabelBytes(
  labels: LabelVolume,
  segments: readonly Segment[] = labels.segments ?? [],
): Uint8Array {
  const { size, data } = labels;
  const wide = data instanceof Uint16Array;
  const lines = [
    "NRRD0004",
    `type: ${wide ? "uint16" : "uint8"}`,
    "dimension: 3",
    `sizes: ${size.join(" ")}`,
    ...(wide ? ["endian: little"] : []),
    "encoding: gzip",
    ...placeLines(labels),
    "kinds: domain domain domain",
    ...segmentLines(segments, labels),
    ...(segments.length > 0 ? ["Segmentation_MasterRepresentation:=Binary labelmap"] : []),
  ];
  const header = new TextEncoder().encode(`${lines.join("\n")}\n\n`);
  const values = gzipSync(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), { mtime: 0 });
  return concatenate([header, values], header.length + values.length);
}

/** In the axes of DICOM and of 3D Slicer. What is unknown stays unknown. */
function placeLines({ affine, pixelSpacing, sliceSpacing }: LabelVolume): string[] {
  if (affine === undefined) {
    const spacings = [...(pixelSpacing ?? [NaN, NaN]), sliceSpacing ?? NaN].map((side) => (Number.isNaN(side) ? "nan" : side)); // prettier-ignore
    return [`spacings: ${spacings.join(" ")}`];
  }
  const vector = (axis: number) => {
    const [x, y, z] = column(affine, axis);
    return `(${[-x, -y, z].map((part) => part + 0).join(",")})`; // no -0
  };
  return [
    "space: left-posterior-superior",
    `space directions: ${[0, 1, 2].map(vector).join(" ")}`,
    `space origin: ${vector(3)}`,
  ];
}

function segmentLines(segments: readonly Segment[], labels: LabelVolume): string[] {
  const extents = extentsOf(labels);
  return segments.flatMap(({ label, name, colour = maskColour(label - 1) }, n) =>
    [
      ["ID", `Segment_${label}`],
      ["Name", name.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")],
      ["Color", colour.map((part) => +(part / 255).toFixed(6)).join(" ")],
      ["LabelValue", label],
      ["Layer", 0],
      ["Extent", (extents.get(label) ?? [0, -1, 0, -1, 0, -1]).join(" ")],
      ["Tags", "|"],
    ].map(([key, value]) => `Segment${n}_${key}:=${value}`),
  );
}

/** First and last column, row and slice of each label. */
function extentsOf({ size: [width, height, depth], data }: LabelVolume): Map<number, number[]> {
  const extents = new Map<number, number[]>();
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (data[i] === 0) continue;
        const [x0, x1, y0, y1, z0] = extents.get(data[i]) ?? [x, x, y, y, z];
        extents.set(data[i], [Math.min(x0, x), Math.max(x1, x), Math.min(y0, y), Math.max(y1, y), z0, z]);
      }
  return extents;
}
