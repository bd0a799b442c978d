import { looksLikeDicom, parseDicom } from "./dicomParse.js";
import { imageOf, type DicomImage } from "./dicomImage.js";

/** A file, as a folder or a browser's input gives it. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Images of one series, in no order. */
export interface DicomSeries {
  readonly images: readonly DicomImage[];
  /** For people: "CT, 120 images of 512 x 512". */
  readonly title: string;
}

/**
 * The series in some files, the one with most images first. Files that are no DICOM, or have no pixels (reports,
 * plans, directories), are passed over.
 *
 * @throws VolumeError when a file is damaged, cut off, or its image is of a kind that is not read.
 */
export function openDicomSeries(files: Iterable<NamedBytes>): DicomSeries[] {
  const groups = new Map<string, DicomImage[]>();
  for (const { name, bytes } of files) {
    if (!looksLikeDicom(bytes)) continue;
    const set = parseDicom(bytes, name);
    if (set.element("PixelData") === undefined) continue;
    const image = imageOf(set);
    groups.set(image.series, [...(groups.get(image.series) ?? []), image]);
  }
  return [...groups.values()]
    .sort((a, b) => b.length - a.length)
    .map((images) => {
      const [{ format, meaning }] = images;
      const count = images.length === 1 ? "1 image" : `${images.length} images`;
      return {
        images,
        title: `${meaning.modality ?? "of unknown kind"}, ${count} of ${format.columns} x ${format.rows}`,
      };
    });
}
