import { encodePng } from "../image/encode.js";
import { drawDisc, type Canvas } from "../image/draw.js";
import { drawOverlay } from "../image/overlay.js";
import type { PixelImage } from "../image/pixels.js";
import { resizeOpenCvArea } from "../image/resizeArea.js";
import { meanOverHeads, type GridCell } from "../inspect/attention.js";
import {
  channelOf,
  featureMap,
  liveliestChannels,
  principalComponents,
  similarityTo,
  type FeatureMap,
} from "../inspect/features.js";
import { componentColours, heatMap, heatOver, tiles, type Cover } from "../inspect/heatmap.js";
import type { EightBitImage } from "../predictor/presetTable.js";
import type { Collected } from "./traceCollect.js";
import type { Scene } from "./traceScene.js";

/** A picture of a trace, and what it shows. */
export interface TracePicture {
  /** Name of its file. */
  readonly file: string;
  readonly section: string;
  readonly caption: string;
  readonly png: Uint8Array;
}

/** What the pictures are of. */
export interface TraceScene extends Scene {
  /** The query's on the grid. */
  readonly cell: GridCell;
  /** Cells a side of the encoder's grid, and how many of them the image covers. */
  readonly side: number;
  readonly cover: Cover;
}

/** Longest sides of pictures in pixels: alone, and many side by side. */
const [LARGE, SMALL] = [640, 224];

export const SECTIONS = {
  masks: "What the decoder gives",
  embedding: "What is like the query",
  attention: "Where the query looks",
  features: "Features",
} as const;

/** All pictures of a trace, one after the other. */
export function* tracePictures(scene: TraceScene, collected: Collected): Generator<TracePicture> {
  yield* masks(scene);
  const embedding = collected.embedding && featureMap(collected.embedding);
  if (embedding !== undefined) yield similarity(scene, embedding);
  if (collected.rollout !== undefined) yield rollout(scene, collected.rollout);
  yield* attention(scene, collected);
  for (const [path, value] of collected.tensors) {
    const map = path.startsWith("image_encoder") ? featureMap(value) : undefined;
    if (map !== undefined && map.channels > 3) yield features(path, map);
  }
}

function picture(file: string, section: string, caption: string, image: PixelImage): TracePicture {
  return { file, section, caption, png: encodePng(image) };
}

function* masks({ image, prompt, single, several }: TraceScene): Generator<TracePicture> {
  const all = [
    { name: "the single mask", file: "mask.png", mask: single.masks[0], score: single.scores[0] },
    ...(several?.masks ?? []).map((mask, n) => ({
      name: `candidate ${n + 1}`,
      file: `candidate_${n + 1}.png`,
      mask,
      score: several!.scores[n],
    })),
  ];
  for (const { name, file, mask, score } of all) {
    const caption = `${name}, expected overlap ${score.toFixed(2)}`;
    yield picture(file, SECTIONS.masks, caption, drawOverlay(image, { ...prompt, masks: [mask] }));
  }
}

/** The image at most so large. */
function reduced(image: EightBitImage, longest: number): PixelImage {
  const scale = Math.min(1, longest / Math.max(image.width, image.height));
  if (scale === 1) return image;
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * scale)));
  return { width, height, channels: 3, data: resizeOpenCvArea(image, width, height) };
}

/** A map of the grid over the image, the query marked. */
function over(
  scene: TraceScene,
  longest: number,
  values: Float32Array,
  range?: readonly [number, number],
): PixelImage {
  const image = reduced(scene.image, longest);
  const heat = heatOver(image, { height: scene.side, width: scene.side, values }, scene.cover, range);
  const [x, y] = [scene.query.x, scene.query.y].map((at) => (at * image.width) / scene.image.width);
  const radius = Math.max(2, longest / 120);
  drawDisc(heat as Canvas, x, y, radius + 1, [255, 255, 255]);
  drawDisc(heat as Canvas, x, y, radius, [0, 160, 255]);
  return heat;
}

function similarity(scene: TraceScene, embedding: FeatureMap): TracePicture {
  const values = similarityTo(embedding, scene.cell.row * scene.side + scene.cell.column);
  const caption =
    "Cosine of the angle between the query's embedding and every other: dark is 0 or less, light is 1.";
  return picture("similarity.png", SECTIONS.embedding, caption, over(scene, LARGE, values, [0, 1]));
}

/** Shares are few large and many small ones: their roots show both. */
const roots = (values: Float32Array) => values.map((value) => Math.sqrt(value));

function rollout(scene: TraceScene, values: Float32Array): TracePicture {
  // The query's own share comes from the residuals and would leave all others dark.
  const own = scene.cell.row * scene.side + scene.cell.column;
  const others = values.map((value, cell) => (cell === own ? 0 : value));
  const caption =
    "Attention rollout over all blocks: what the query's place is made of, its own share left out " +
    `(${(100 * values[own]).toFixed(0)} %). Colours are by square roots.`;
  return picture("rollout.png", SECTIONS.attention, caption, over(scene, LARGE, roots(others)));
}

function* attention(scene: TraceScene, collected: Collected): Generator<TracePicture> {
  const blocks = [...collected.attention].sort(([a], [b]) => a - b);
  if (blocks.length === 0) return;
  const means = blocks.map(([, map]) => over(scene, SMALL, roots(meanOverHeads(map))));
  const numbers = blocks.map(([block]) => block).join(", ");
  yield picture(
    "attention_blocks.png",
    SECTIONS.attention,
    `Blocks ${numbers}, row by row, the mean of their heads. Blocks with windows look no further than the query's window.`,
    tiles(means, 4),
  );
  const cells = scene.side ** 2;
  for (const [block, { heads, isGlobal, values }] of blocks) {
    if (!isGlobal) continue;
    const each = Array.from({ length: heads }, (_, head) =>
      over(scene, SMALL, roots(values.slice(head * cells, (head + 1) * cells))),
    );
    const caption = `Block ${block}, which looks at the whole grid: heads 0 to ${heads - 1}, row by row.`;
    yield picture(`attention_block_${block}.png`, SECTIONS.attention, caption, tiles(each, 4));
  }
}

/** Channels beside the picture of all of them together. */
const CHANNELS = 7;

function features(path: string, map: FeatureMap): TracePicture {
  const scale = Math.max(1, Math.floor(SMALL / map.width));
  const chosen = liveliestChannels(map, Math.min(CHANNELS, map.channels));
  const each = chosen.map((channel) => heatMap({ ...map, values: channelOf(map, channel) }, scale));
  const all = componentColours(map, principalComponents(map), scale);
  const caption =
    `${path}: the three principal components as red, green and blue, and the ${chosen.length} channels that vary most ` +
    `(${chosen.join(", ")}) of ${map.channels}.`;
  return picture(`${path.replaceAll(".", "_")}.png`, SECTIONS.features, caption, tiles([all, ...each], 4));
}
