import { ImageError } from "../image/pixels.js";
import { fileName } from "./dicomGroups.js";
import { imageOf, type DicomImage } from "./dicomImage.js";
import { looksLikeDicom, parseUpToDamage } from "./dicomParse.js";
import { findPixels } from "./dicomPixelFormat.js";
import { dicomVolume, type VolumeOptions } from "./dicomVolume.js";
import type { Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** A file, as a folder or a browser's input gives it. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Images of one series, in no order. */
export interface DicomSeries {
  readonly images: readonly DicomImage[];
  /** Why the series cannot be read: what is wrong with the first of its files that cannot. */
  readonly failure?: Error;
  /** For people: "CT, 120 images of 512 x 512". */
  readonly title: string;
  /** It may be what a person wants to segment: several images, of no dose or segmentation. */
  readonly isVolume: boolean;
}

/** Files that say by their name that they are DICOM. */
const DICOM_NAME = /\.(dcm|dicom|ima)$/i;
/** Kinds of objects with pixels that belong to another series. */
const DERIVED = ["SEG", "RTDOSE"];

/** What is known of a file of a series. */
interface Member {
  readonly name: string;
  readonly modality?: string;
  readonly image?: DicomImage;
  readonly failure?: Error;
}

/**
 * The series in some files, the one with most files first. Files that are no DICOM, or have no pixels (reports,
 * plans, directories), are passed over. One that cannot be read is the failure of its series; where that is not known, it
 * is a series of its own.
 */
export function openDicomSeries(files: Iterable<NamedBytes>): DicomSeries[] {
  const groups = new Map<string, Member[]>();
  const inOrder = [...files].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  for (const { name, bytes } of inOrder) {
    if (!looksLikeDicom(bytes) && !DICOM_NAME.test(name)) continue;
    const { series = `unknown ${name}`, member } = memberOf(name, bytes); // no identifier begins so
    if (member) groups.set(series, [...(groups.get(series) ?? []), member]);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length).map(seriesOf);
}

/** A file and the series that it says it is of; no member when it has no pixels. */
function memberOf(name: string, bytes: Uint8Array): { series?: string; member?: Member } {
  let about: { series?: string; member: Member } = { member: { name } };
  try {
    const { set, failure } = parseUpToDamage(bytes, name);
    const modality = set.text("Modality");
    const series = set.text("SeriesInstanceUID") ?? (failure ? undefined : "");
    about = { ...(series !== undefined && { series }), member: { name, ...(modality !== undefined && { modality }) } }; // prettier-ignore
    if (failure) throw failure;
    return findPixels(set) ? { ...about, member: { ...about.member, image: imageOf(set) } } : {};
  } catch (failure) {
    if (!(failure instanceof VolumeError || failure instanceof ImageError)) throw failure;
    return { ...about, member: { ...about.member, failure } };
  }
}

function seriesOf(members: readonly Member[]): DicomSeries {
  const images = members.flatMap(({ image }) => image ?? []);
  const failed = members.find(({ failure }) => failure);
  const modality = members.find((member) => member.modality)?.modality;
  const several = members.length > 1;
  const format = images.at(0)?.format;
  const size = format ? ` of ${format.columns} x ${format.rows}` : "";
  const what = `${members.length} ${failed ? "file" : "image"}${several ? "s" : ""}${size}`;
  const why = failed ? ` (cannot be read: ${failed.failure?.message.replaceAll(failed.name, fileName(failed.name))})` : ""; // prettier-ignore
  return {
    images,
    ...(failed?.failure && { failure: failed.failure }),
    title: `${modality ?? "of unknown kind"}, ${what}${why}`,
    isVolume:
      !DERIVED.includes(modality ?? "") && (several || images.some(({ planes }) => planes.length > 1)),
  };
}

/**
 * Reads one of several series: the one that is asked for; else the only one, or the only one that is a volume. What else
 * there is, is said in a warning.
 *
 * @param number of the series from 1 on; undefined when nobody says.
 * @param name of the volume, for messages.
 * @throws VolumeError when the series cannot be read, or it is not clear which one is meant.
 */
export async function readSeries(
  all: readonly DicomSeries[],
  number: number | undefined,
  name: string,
  options?: VolumeOptions,
): Promise<{ volume: Volume; images: readonly DicomImage[] }> {
  const volumes = all.filter(({ isVolume }) => isVolume);
  const [only] = all.length === 1 ? all : volumes.length === 1 ? volumes : [];
  const chosen = number === undefined ? only : all[number - 1];
  if (chosen === undefined) {
    const list = all.map(({ title }, i) => `${i + 1}: ${title}`).join("; ");
    throw new VolumeError(
      `${name}: has ${all.length} DICOM series${list && ` (${list})`}; expected one, or the number of one of them`,
    );
  }
  if (chosen.failure) throw chosen.failure;
  const volume = await dicomVolume(chosen.images, name, options);
  const others = all.flatMap((series, i) => (series === chosen ? [] : `${i + 1}: ${series.title}`));
  const warning = `${name}: other series are not read: ${others.join("; ")}`;
  return {
    volume: others.length > 0 ? { ...volume, warnings: [warning, ...volume.warnings] } : volume,
    images: chosen.images,
  };
}
