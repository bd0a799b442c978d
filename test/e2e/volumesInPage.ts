import { openDicomSeries, readSeries } from "../../src/volume/dicomSeries.js";
import { readLabelVolume, readVolume } from "../../src/volume/read.js";
import { realValues } from "../../src/volume/values.js";

// What a volume is once it is read; runs in a page and in Node, whose answers must be the same.

/** Everything that a reader says of some files; the values by their SHA-256, as stored and as shown. */
export interface Described {
  readonly about: Readonly<Record<string, unknown>>;
  readonly kind: string;
  readonly stored: string;
  readonly real: string;
  /** Of one NIfTI file: its voxels as labels, or why they are none. */
  readonly labels?: string;
}

/** One file, a header with the files of its values, or all of a series. @returns what was read, or the message that refuses it. */
export async function describeFiles(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<Described | string> {
  try {
    const header = files.find(({ name }) => /\.(hdr|nhdr|mhd)$/.test(name)) ?? (files.length === 1 ? files[0] : undefined); // prettier-ignore
    const beside = (file: string) =>
      Promise.resolve(files.find(({ name }) => name.replace(/.*\//, "") === file)?.bytes);
    const volume = await (header ? readVolume(header.bytes, header.name, { beside }) : readSeries(openDicomSeries(files), undefined, "series").then((read) => read.volume)); // prettier-ignore
    const { data } = volume;
    const about = Object.fromEntries(Object.entries(volume).filter(([key]) => !["data", "palette", "name"].includes(key))); // prettier-ignore
    const labels = files.length === 1 && /\.nii(\.gz)?$/.test(files[0].name) ? await describeLabels(files[0].bytes) : undefined; // prettier-ignore
    return { about, kind: data.constructor.name, stored: await sha256(data), real: await sha256(realValues(volume).data), ...(labels !== undefined && { labels }) }; // prettier-ignore
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** As above, of files that the page fetches. */
export async function describeFetched(names: readonly string[]): Promise<Described | string> {
  const files = names.map(async (name) => ({
    name,
    bytes: new Uint8Array(await (await fetch(`data/${encodeURIComponent(name)}`)).arrayBuffer()),
  }));
  return describeFiles(await Promise.all(files));
}

async function describeLabels(bytes: Uint8Array): Promise<string> {
  try {
    return await sha256((await readLabelVolume(bytes, "labels.nii")).data);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function sha256(data: ArrayBufferView): Promise<string> {
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
