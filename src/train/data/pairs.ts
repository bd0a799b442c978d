import { DataError, splitNamed, type CaseFile, type FoundCases, type Problem } from "./caseFile.js";

const EXTENSIONS = /\.(png|jpe?g|tiff?|npy|npz|(nii|hdr)(\.gz)?|seg\.nrrd|nrrd|nhdr|mha|mhd|dcm)$/i;
const IMAGE_FOLDER = /^(images?|imgs?|images?tr)$/i;
const LABEL_FOLDER = /^(labels?|masks?|gts?|annotations?|segmentations?|labels?tr)$/i;
const LABEL_SUFFIX = /[_-](masks?|labels?|seg|segmentation|gt)$/i;
/** nnU-Net counts an image's channels like this; the first is the image. */
const IMAGE_SUFFIX = /_(0000|image|img)$/i;

const LAYOUTS =
  "expected folders images/ and labels/ (or imgs/ and gts/, imagesTr/ and labelsTr/) with the same file names, " +
  "files NAME.png with NAME_mask.png, MedSAM's .npz files, or a table (CSV or JSON) of image and labels";

/** A file as one side of a pair. */
interface Side {
  readonly path: string;
  /** Folders below `images` or `labels` and the name without ending and suffix: equal for what belongs together. */
  readonly key: string;
}

/**
 * Pairs images with labels by the names of the files of a folder, as data sets have them: in folders of their own or
 * side by side, MedSAM's npy (`imgs`, `gts`) and npz, nnU-Net's names. A folder `train` or `val` around them, or in
 * them, says the split. Pictures in a subfolder belong to one film or patient; so do MedSAM's `NAME-000.npy`.
 *
 * @param files relative to the data set's folder, with `/`.
 * @throws DataError when there is no such layout, or two files claim one place.
 */
export function pairFiles(files: readonly string[], folder: string): FoundCases {
  const images: Side[] = [];
  const labels: Side[] = [];
  const both: string[] = [];
  for (const path of files.filter((file) => EXTENSIONS.test(file))) {
    const parts = path.split("/");
    const place = parts.findIndex((part, n) => n < parts.length - 1 && isKnownFolder(part));
    if (place >= 0) {
      const isImage = IMAGE_FOLDER.test(parts[place]);
      const side = isImage ? seriesOrFile(parts, place) : path;
      const key = keyOf([...parts.slice(0, place), ...side.split("/").slice(place + 1)], isImage);
      const list = isImage ? images : labels;
      if (list.at(-1)?.path !== side) list.push({ path: side, key });
    } else if (/\.npz$/i.test(path)) both.push(path);
    else if (LABEL_SUFFIX.test(withoutEnding(path)) || /\.seg\.nrrd$/i.test(path))
      labels.push({ path, key: keyOf(parts, false) });
    else images.push({ path, key: keyOf(parts, true) });
  }
  if (both.length === 0 && (images.length === 0 || labels.length === 0))
    throw new DataError(
      `${folder}: has ${images.length} images and ${labels.length} label files that can be told apart; ${LAYOUTS}`,
    );
  const paired = pair(images, labels, folder);
  return {
    cases: [...paired.cases, ...both.map((path) => toCase(path, path, folder))],
    problems: paired.problems,
  };
}

function isKnownFolder(name: string): boolean {
  return IMAGE_FOLDER.test(name) || LABEL_FOLDER.test(name);
}

/** DICOM files in a folder below `images` are one series: the folder stands for them. */
function seriesOrFile(parts: readonly string[], place: number): string {
  const isSeries = /\.dcm$/i.test(parts[parts.length - 1]) && parts.length > place + 2;
  return (isSeries ? parts.slice(0, -1) : parts).join("/");
}

function withoutEnding(path: string): string {
  return path.replace(EXTENSIONS, "");
}

function keyOf(parts: readonly string[], isImage: boolean): string {
  return withoutEnding(parts.join("/")).replace(isImage ? IMAGE_SUFFIX : LABEL_SUFFIX, "");
}

function pair(images: readonly Side[], labels: readonly Side[], folder: string): FoundCases {
  const byKey = new Map<string, string>();
  for (const { key, path } of labels) {
    const other = byKey.get(key);
    if (other !== undefined)
      throw new DataError(`${folder}: ${other} and ${path} are labels of the same image ${key}; keep one`);
    byKey.set(key, path);
  }
  const cases: CaseFile[] = [];
  const problems: Problem[] = [];
  const taken = new Map<string, string>();
  for (const { key, path } of images) {
    const label = byKey.get(key);
    const other = taken.get(key);
    if (other !== undefined)
      throw new DataError(`${folder}: ${other} and ${path} are images of the same name ${key}; keep one`);
    taken.set(key, path);
    if (label === undefined) problems.push({ id: path, reason: `has no label file named ${key}` });
    else cases.push(toCase(path, label, folder));
  }
  for (const { key, path } of labels)
    if (!taken.has(key)) problems.push({ id: path, reason: `has no image named ${key}` });
  return { cases, problems };
}

function toCase(image: string, labels: string, folder: string): CaseFile {
  const parts = image.split("/");
  const split = parts.map(splitNamed).find((found) => found !== undefined);
  const own = parts.filter((part, n) => n === parts.length - 1 || !isKnownFolder(part));
  return {
    id: image,
    image: `${folder}/${image}`,
    labels: `${folder}/${labels}`,
    group: groupOf(own, split !== undefined),
    ...(split && { split }),
  };
}

/** The folder of a picture, which may be a film or a patient; else its own name without MedSAM's number of a slice. */
function groupOf(parts: readonly string[], inSplit: boolean): string {
  const folders = parts.slice(0, -1).join("/");
  if (parts.length > (inSplit ? 2 : 1)) return folders;
  const name = keyOf(parts, true);
  return /\.npy$/i.test(parts[parts.length - 1]) ? name.replace(/-\d{3,}$/, "") : name;
}
