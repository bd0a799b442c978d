import type { Golden } from "../../src/backend/selfTest.js";
import { CheckpointError } from "../../src/weights/checkpoint.js";

/** The small checkpoint in the package, its golden values, and the sample image, as files beside the page. */
export const EMBEDDED = {
  // With its hash: its name stays in an update, and weights kept from before are not those of the golden values.
  checkpoint: `${new URL("../../models/medsam-tiny.safetensors", import.meta.url).href}?${__CHECKPOINT__}`,
  golden: new URL("../../models/medsam-tiny.golden.json", import.meta.url).href,
} as const;

/** Asked for at once, while the rest of the worker is still being started. */
const checkpoint = fetchOwn(EMBEDDED.checkpoint).then(async (response) => new Uint8Array(await response.arrayBuffer())); // prettier-ignore
const golden = fetchOwn(EMBEDDED.golden).then(async (response) => (await response.json()) as Golden);
// Whoever waits for them is told.
for (const asked of [checkpoint, golden]) asked.catch(() => undefined);

export const embeddedBytes = (): Promise<Uint8Array<ArrayBuffer>> => checkpoint;
export const goldenValues = (): Promise<Golden> => golden;

async function fetchOwn(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok)
    throw new CheckpointError(`${url}: the page's own server answered ${response.status} ${response.statusText}`); // prettier-ignore
  return response;
}
