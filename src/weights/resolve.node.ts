import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { CheckpointError } from "./checkpoint.js";
import type { HubOptions, HubWeights } from "./hub.node.js";
import { parseHubAddress, type HubAddress } from "./hubAddress.js";
import { ELSEWHERE, PUBLISHED } from "./published.js";

/** Weights on this computer. */
export interface LocalWeights {
  /** Of the file, the index of several, or their folder. */
  readonly path: string;
  /** How to name them elsewhere: a file's name without folders, or an address on the hub with its commit. */
  readonly name: string;
  /** What is known of weights on the hub; undefined for a path. */
  readonly hub?: HubWeights;
}

/**
 * Finds the weights that a user names: a file's path or `file:` URL, an address on the Hugging Face hub
 * (`hf:OWNER/REPOSITORY`), or a name of `PUBLISHED`, such as `medsam`. Those on the hub are fetched when the cache
 * does not have them.
 *
 * @throws CheckpointError when they are on the hub and cannot be fetched. A path is not looked at.
 */
export async function resolveWeights(source: string, options: HubOptions = {}): Promise<LocalWeights> {
  const address = hubAddressOf(source);
  if (address === undefined) {
    const path = source.startsWith("file:") ? fileURLToPath(source) : source;
    return { path, name: basename(path) };
  }
  const { hubWeights } = await import("./hub.node.js");
  const hub = await hubWeights(address, options);
  return { path: hub.path, name: hub.address, hub };
}

/** Where on the hub the weights are that a user names; undefined for a path. A file of a published name goes first. */
export function hubAddressOf(source: string): HubAddress | undefined {
  const address = parseHubAddress(source);
  if (address !== undefined || existsSync(source)) return address;
  const published = PUBLISHED.find(({ name }) => name === source);
  if (published !== undefined) {
    const { repository, file } = published;
    return { repository, revision: "main", ...(file !== undefined && { file }) };
  }
  const elsewhere = ELSEWHERE.get(source);
  if (elsewhere !== undefined) throw new CheckpointError(elsewhere);
  return undefined;
}
