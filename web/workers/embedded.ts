import type { Golden } from "../../src/backend/selfTest.js";
import { CheckpointError } from "../../src/weights/checkpoint.js";

/** The small checkpoint in the package, its golden values, and the sample image, as files beside the page. */
export const EMBEDDED = {
  checkpoint: new URL("../../models/medsam-tiny.safetensors", import.meta.url).href,
  golden: new URL("../../models/medsam-tiny.golden.json", import.meta.url).href,
} as const;

let bytes: Promise<Uint8Array<ArrayBuffer>> | undefined;

export function embeddedBytes(): Promise<Uint8Array<ArrayBuffer>> {
  bytes ??= fetchOwn(EMBEDDED.checkpoint).then(async (response) => new Uint8Array(await response.arrayBuffer())); // prettier-ignore
  return bytes;
}

export async function goldenValues(): Promise<Golden> {
  return (await (await fetchOwn(EMBEDDED.golden)).json()) as Golden;
}

async function fetchOwn(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok)
    throw new CheckpointError(`${url}: the page's own server answered ${response.status} ${response.statusText}`); // prettier-ignore
  return response;
}
