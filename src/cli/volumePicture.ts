import { encodePng } from "../image/encode.js";
import type { Mask } from "../image/mask.js";
import { drawOverlay } from "../image/overlay.js";
import type { PixelImage } from "../image/pixels.js";
import { resizePillowBilinear } from "../image/resizePillow.js";
import type { VolumeSegmentation } from "../predictor/volume/volumeResult.js";
import type { VolumeObject } from "../predictor/volume/volumeObject.js";
import { acrossSlice, planeOf, volumeSlice, type Axis } from "../volume/values.js";
import type { Volume } from "../volume/volume.js";

const MOST_SLICES = 12;
const TILE = 256;
const COLUMNS = 4;

/** A PNG of some slices with what was asked for and found in them, evenly taken from those that have something. */
export function slicesPicture(
  volume: Volume,
  { labels, objects }: VolumeSegmentation,
  asked: readonly VolumeObject[],
  axis: Axis,
): Uint8Array {
  const all = [...new Set(objects.flatMap(({ slices }) => slices.map(({ slice }) => slice)))].sort((a, b) => a - b); // prettier-ignore
  const count = Math.min(MOST_SLICES, all.length);
  const chosen = Array.from({ length: count }, (_, n) => all[Math.round((n * (all.length - 1)) / Math.max(1, count - 1))]); // prettier-ignore
  const tiles = chosen.map((slice) => {
    const image = volumeSlice(volume, axis, slice);
    const { start, right, down } = planeOf(volume.size, axis, slice);
    const { width, height } = image;
    const masks = objects.map(({ label }): Mask => {
      const inside = (_: unknown, i: number) =>
        labels.data[start + (i % width) * right + Math.floor(i / width) * down] === label ? 1 : 0;
      return { width, height, data: Uint8Array.from({ length: width * height }, inside) };
    });
    const prompts = asked.flatMap(({ prompts }) => prompts.get(slice) ?? []);
    const boxes = prompts.flatMap(({ box }) => (box ? [box] : []));
    const points = prompts.flatMap(({ pointCoords = [], pointLabels = [] }) =>
      pointCoords.map(([x, y], n) => ({ x, y, foreground: pointLabels[n] === 1 })),
    );
    return shrunk(drawOverlay(image, { masks, boxes, points }), sizeOfTile(volume, axis, width, height));
  });
  return encodePng(sheet(tiles));
}

/** Pixels of a slice may be longer than wide: the picture shows it as it is. */
function sizeOfTile(
  { pixelSpacing: [x, y] = [1, 1], sliceSpacing: z = 1 }: Volume,
  axis: Axis,
  width: number,
  height: number,
): [number, number] {
  const [across, down] = acrossSlice([x, y, z], axis);
  const scale = TILE / Math.max(width * across, height * down);
  return [width * across, height * down].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]; // prettier-ignore
}

function shrunk(image: PixelImage, [width, height]: [number, number]): PixelImage {
  const eight = { ...image, data: Uint8Array.from(image.data) };
  return { width, height, channels: 3, data: Uint8Array.from(resizePillowBilinear(eight, width, height)) };
}

function sheet(tiles: readonly PixelImage[]): PixelImage {
  const rows = Math.max(1, Math.ceil(tiles.length / COLUMNS));
  const width = TILE * Math.min(COLUMNS, Math.max(1, tiles.length));
  const data = new Uint8Array(width * rows * TILE * 3);
  for (const [n, tile] of tiles.entries())
    for (let y = 0; y < tile.height; y++) {
      const to = (Math.floor(n / COLUMNS) * TILE + y) * width + (n % COLUMNS) * TILE;
      data.set(tile.data.subarray(y * tile.width * 3, (y + 1) * tile.width * 3), to * 3);
    }
  return { width, height: rows * TILE, channels: 3, data };
}
