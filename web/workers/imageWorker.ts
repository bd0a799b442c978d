import { decodeImage, isPicture } from "../../src/image/decode.js";
import { valueRange, type LabelImage, type PixelImage } from "../../src/image/pixels.js";
import type { Volume } from "../../src/volume/volume.js";
import { paint, type DisplayWindow } from "../view/window.js";
import { hashOf } from "../../src/weights/sha256.js";
import type { LabelVolumeFormat } from "./openVolume.js";
import { moving, serve, type CallContext } from "./rpc.js";

// Reads files, keeps the volume, writes pictures and volumes. It has no model, so that it outlives one that fails.

/** What the page knows of an open image. Slices of all frames are numbered through. */
export interface ImageInfo {
  readonly name: string;
  /** Of the file; of a series, of its files' own ones, whatever their order. */
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly slices: number;
  /** Slices of one frame. */
  readonly depth: number;
  readonly channels: 1 | 3;
  /** Smallest and largest value of the first slices that were looked at. */
  readonly range: readonly [low: number, high: number];
  /** Whether values are bytes, which are shown as they are. */
  readonly eightBit: boolean;
  /** Millimetres from pixel to pixel along columns and rows, where the file says. */
  readonly spacing?: readonly [x: number, y: number];
  readonly windows: readonly { readonly centre: number; readonly width: number }[];
  readonly modality?: string;
  readonly warnings: readonly string[];
}

/** What is open: one picture, or a volume of real values. */
let picture: PixelImage | undefined;
let volume: Volume | undefined;

async function hashOfAll(files: readonly { readonly bytes: Uint8Array<ArrayBuffer> }[]): Promise<string> {
  const hashes = await Promise.all(files.map(({ bytes }) => hashOf(bytes)));
  return hashes.length === 1 ? hashes[0] : hashOf(new TextEncoder().encode(hashes.sort().join("\n")));
}

async function sliceOf(index: number): Promise<PixelImage> {
  if (picture !== undefined) return picture;
  if (volume === undefined) throw new Error("no image is open");
  const { volumeSlice } = await import("../../src/volume/values.js");
  const depth = volume.size[2];
  return volumeSlice(volume, 2, index % depth, Math.floor(index / depth));
}

const methods = {
  /** Opens a picture, a volume, or the DICOM files of one series. What was open before stays when this fails or is cancelled. */
  async open(files: readonly File[], { signal, progress }: CallContext): Promise<ImageInfo> {
    const named: { name: string; bytes: Uint8Array<ArrayBuffer> }[] = [];
    for (const [index, file] of files.entries()) {
      named.push({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
      signal.throwIfAborted();
      progress((0.5 * (index + 1)) / files.length, "reading");
    }
    const [{ name, bytes }] = named;
    const sha256 = await hashOfAll(named);
    if (named.length === 1 && isPicture(bytes)) {
      const image = await decodeImage(bytes, name);
      signal.throwIfAborted();
      [picture, volume] = [image, undefined];
      const { width, height, channels, data, warnings = [] } = image;
      const facts = { name, sha256, width, height, channels, slices: 1, depth: 1, windows: [], warnings };
      return { ...facts, range: valueRange(data), eightBit: data instanceof Uint8Array };
    }
    // Readers of medical files are fetched from the page's own origin when first needed.
    const { openVolume } = await import("./openVolume.js");
    const opened = await openVolume(named, {
      signal,
      onProgress: (share) => progress(0.5 + share / 2, "reading"),
    });
    signal.throwIfAborted();
    [picture, volume] = [undefined, opened.volume];
    return { ...opened.info, sha256 };
  },

  /** One slice as stored, for the model and for saying what lies below the pointer. */
  async slice(index: number): Promise<PixelImage> {
    const image = await sliceOf(index);
    return image === picture ? image : moving(image, [image.data.buffer as ArrayBuffer]);
  },

  /** One slice in 8 bits, for the screen. */
  async shown({
    slice,
    window,
  }: {
    readonly slice: number;
    readonly window: DisplayWindow;
  }): Promise<ImageBitmap> {
    const bitmap = await createImageBitmap(paint(await sliceOf(slice), window));
    return moving(bitmap, [bitmap]);
  },

  /** A picture or label map as PNG. */
  async png(image: PixelImage | LabelImage): Promise<Uint8Array> {
    const { encodePng } = await import("../../src/image/encode.js");
    return encodePng(image);
  },

  /** Label maps of slices, by slice number, as a volume in the place of the image. */
  async labelVolume({
    maps,
    ...format
  }: LabelVolumeFormat & { readonly maps: ReadonlyMap<number, LabelImage> }): Promise<Uint8Array> {
    const { labelVolumeOf } = await import("./openVolume.js");
    const size = picture === undefined ? undefined : ([picture.width, picture.height, 1] as const);
    return labelVolumeOf(volume ?? { size: size! }, maps, format);
  },
};

export type ImageMethods = typeof methods;

serve(methods);
