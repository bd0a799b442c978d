import { ImageError, type LabelImage, type PixelImage, type Samples } from "./pixels.js";
import { readPng } from "./png.js";
import type { Raster } from "./raster.js";

// Fetched, in a page, when such a file is first opened: the codecs are larger than all the rest of it.
const readJpeg = async (bytes: Uint8Array, name: string) => (await import("./jpeg.js")).readJpeg(bytes, name);
const readTiff = async (bytes: Uint8Array, name: string) => (await import("./tiff.js")).readTiff(bytes, name);

const FORMATS = [
  { magic: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], read: readPng },
  { magic: [0xff, 0xd8, 0xff], read: readJpeg },
  { magic: [0x49, 0x49, 0x2a, 0x00], read: readTiff },
  { magic: [0x4d, 0x4d, 0x00, 0x2a], read: readTiff },
  { magic: [0x49, 0x49, 0x2b, 0x00], read: readTiff },
  { magic: [0x4d, 0x4d, 0x00, 0x2b], read: readTiff },
] as const;

/**
 * Reads a PNG, JPEG or TIFF, told apart by content, as an image: palette images give their colours, alpha is
 * dropped, grey below 8 bits is scaled to 0..255 (as Pillow's `convert("RGB")` does), 16-bit samples stay 16-bit.
 *
 * @param name file name or URL, for error messages.
 * @throws ImageError when the file cannot be read.
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<PixelImage> {
  const raster = await readRaster(bytes, name);
  const { width, height, channels, depth, palette } = raster;
  const warnings = raster.warnings && { warnings: raster.warnings };
  if (palette)
    return { width, height, channels: 3, data: applyPalette(raster.data, palette, name), ...warnings };
  const stored = uninverted(raster);
  const data = depth < 8 ? stored.map((v) => (v * 255) / (2 ** depth - 1)) : stored;
  const missing = data instanceof Float32Array ? notFinite(data, name) : [];
  const all = [...(warnings?.warnings ?? []), ...missing];
  return { width, height, channels, data, ...(all.length > 0 && { warnings: all }) };
}

/**
 * Reads a PNG, JPEG or TIFF as a label map: palette images give their indices, grey ones their values as stored, not
 * scaled (so 0 and 1 for one bit) and not inverted where a TIFF says WhiteIsZero, as tifffile. Colour is accepted
 * where all pixels are grey. JPEG blurs labels, so a JPEG is one mask: 1 where it is above 127.
 *
 * @param name file name or URL, for error messages.
 * @throws ImageError when the file cannot be read or its values are not labels.
 */
export async function decodeLabels(bytes: Uint8Array, name: string): Promise<LabelImage> {
  const raster = await readRaster(bytes, name);
  const { width, height, channels, lossy, warnings } = raster;
  let { data } = raster;
  if (lossy) data = data.map((value) => (value > 127 ? 1 : 0));
  if (channels === 3) data = onlyGrey(data, width, name);
  if (!(data instanceof Uint8Array || data instanceof Uint16Array)) {
    const wrong = data.find((value) => !Number.isInteger(value) || value < 0 || value > 65535);
    if (wrong !== undefined)
      throw new ImageError(`${name}: has the label ${wrong}; expected integers 0..65535`);
    data = Uint16Array.from(data);
  }
  return { width, height, data, ...(warnings && { warnings }) };
}

/** Whether a file is a PNG, JPEG or TIFF, by its first 132 bytes. */
export function isPicture(bytes: Uint8Array): boolean {
  return formatOf(bytes) !== undefined;
}

function formatOf(bytes: Uint8Array) {
  // A DICOM file may begin like any other: its first 128 bytes are free.
  if (volumeFormat(bytes) === "DICOM") return undefined;
  return FORMATS.find(({ magic }) => magic.every((byte, i) => bytes[i] === byte));
}

async function readRaster(bytes: Uint8Array, name: string): Promise<Raster> {
  const found = formatOf(bytes);
  if (found === undefined) {
    const volume = volumeFormat(bytes);
    if (volume !== undefined)
      throw new ImageError(
        `${name}: is a ${volume} file, not a PNG, JPEG or TIFF image; in code readVolume takes it`,
      );
    throw new ImageError(`${name}: is not a PNG, JPEG or TIFF image (it starts with: ${startOf(bytes)})`);
  }
  // Not a Buffer, whose slices are no copies.
  return found.read(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), name);
}

/** A file's first bytes, for error messages. */
export function startOf(bytes: Uint8Array): string {
  return (
    Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ") || "nothing"
  );
}

/** What people bring as an image although it is read as a volume: told apart by content alone. */
function volumeFormat(bytes: Uint8Array): string | undefined {
  const text = (start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end));
  if (text(128, 132) === "DICM") return "DICOM";
  if (["n+1", "ni1"].includes(text(344, 347)) || ["n+2", "ni2"].includes(text(4, 7))) return "NIfTI";
  if (text(0, 7) === "NRRD000") return "NRRD";
  if (/^(ObjectType|NDims) *=/.test(text(0, 40))) return "MetaImage";
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? "gzipped NIfTI" : undefined;
}

function applyPalette(indices: Raster["data"], palette: Uint8Array, name: string): Uint8Array {
  const out = new Uint8Array(3 * indices.length);
  const colours = palette.length / 3;
  indices.forEach((index, i) => {
    if (index >= colours)
      throw new ImageError(`${name}: pixel ${i} has colour ${index} of a palette of ${colours}`);
    for (let channel = 0; channel < 3; channel++) out[3 * i + channel] = palette[3 * index + channel];
  });
  return out;
}

/** Makes infinite values NaN, which is "nothing was measured here". Changes `data`. @returns what to warn of. */
function notFinite(data: Float32Array, name: string): string[] {
  let count = 0;
  data.forEach((value, i) => {
    if (Number.isFinite(value)) return;
    data[i] = NaN;
    count++;
  });
  if (count === 0) return [];
  if (count === data.length) throw new ImageError(`${name}: has no value that is a finite number`);
  return [`${name}: ${count} of ${data.length} values are not finite numbers; they count as not measured`];
}

/** Samples of an image, with high values bright. */
function uninverted({ data, depth, inverted }: Raster): Samples {
  if (data instanceof Float64Array) return Float32Array.from(data);
  if (!inverted || data instanceof Float32Array) return data;
  const white = 2 ** depth - 1;
  return data.map((value) => white - value);
}

/** One value a pixel, from pixels whose three values must be the same. */
function onlyGrey(data: Raster["data"], width: number, name: string): Raster["data"] {
  const out = data.slice(0, data.length / 3);
  for (let i = 0; i < out.length; i++) {
    out[i] = data[3 * i];
    if (data[3 * i + 1] !== out[i] || data[3 * i + 2] !== out[i])
      throw new ImageError(
        `${name}: is a colour picture (see pixel ${i % width}, ${Math.floor(i / width)}); ` +
          "a label map must be grey or have a palette",
      );
  }
  return out;
}
