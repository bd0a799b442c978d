import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import { encodePng } from "../image/encode.js";
import { labelMap, labelsIn } from "../image/mask.js";
import { drawOverlay } from "../image/overlay.js";
import { htmlPage, paragraph } from "../report/page.js";
import { pictures, type Picture } from "../report/pictures.js";
import { synthesize, type SyntheticDomain } from "../train/synthetic.js";
import { thousands } from "./format.js";
import { Progress } from "./progress.js";

/** The options of `medsam synthesize`. */
export interface SynthesizeOptions {
  readonly out: string;
  readonly count: number;
  readonly seed: number;
  readonly size: number;
  readonly domain: SyntheticDomain;
  readonly json?: boolean;
}

/** Pictures on the contact sheet. */
const SHOWN = 48;

/** Writes the folder. */
export async function runSynthesize(options: SynthesizeOptions, signal: AbortSignal): Promise<void> {
  const { out, count, seed, size, domain, json } = options;
  await assertEmpty(out);
  const digits = Math.max(4, String(count - 1).length);
  const progress = new Progress("generating");
  const shown: Picture[] = [];
  let objects = 0;
  try {
    for (let index = 0; index < count; index++) {
      signal.throwIfAborted();
      const picture = synthesize(seed, index, { size, domain });
      const masks = picture.objects.map(({ mask }) => mask);
      const labels = labelMap(masks);
      objects += labelsIn(labels).length;
      const name = `${String(index).padStart(digits, "0")}.png`;
      await writeFileAtomic(join(out, "images", name), encodePng(picture.image));
      await writeFileAtomic(join(out, "labels", name), encodePng(labels));
      if (index < SHOWN)
        shown.push({
          png: encodePng(drawOverlay(picture.image, { masks })),
          caption: `${name}, in the manner of ${picture.look}`,
          alternative: `Generated picture ${name} with ${masks.length} outlined objects`,
        });
      progress.update((index + 1) / count);
      await new Promise((resolve) => setImmediate(resolve)); // lets Ctrl-C come in
    }
    await writeFileAtomic(join(out, "contact-sheet.html"), contactSheet(options, shown));
  } finally {
    progress.stop();
  }
  if (json) console.log(JSON.stringify({ out, count, objects, seed, size, domain }, null, 2));
  else
    console.log(
      `${out}: ${thousands(count)} pictures with ${thousands(objects)} objects; look at ${join(out, "contact-sheet.html")}`,
    );
}

/** Other people's files must not become labels. */
async function assertEmpty(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0)
    throw new Error(`${folder}: is not empty; name a new folder with --out, or remove it first`);
}

function contactSheet({ count, seed, size, domain }: SynthesizeOptions, shown: readonly Picture[]): string {
  const first = shown.length < count ? `the first ${shown.length} of ${thousands(count)}` : "all";
  return htmlPage({
    title: "Generated training pictures",
    body: [
      paragraph(
        `${thousands(count)} pictures of ${size} x ${size} pixels, domain ${domain}, seed ${seed}; shown: ${first}.`,
      ),
      pictures(shown),
    ],
  });
}
