import { resolve } from "node:path";
import type { HubOptions } from "../weights/hub.node.js";
import { resolveWeights, type LocalWeights } from "../weights/resolve.node.js";
import { megabytes } from "./format.js";
import { Progress } from "./progress.js";

/**
 * The weights that a command names, fetched from the hub where that is needed: what is fetched and how far it is goes
 * to standard error.
 *
 * @throws CheckpointError when they are on the hub and cannot be fetched.
 */
export async function localWeights(
  source: string,
  options: Pick<HubOptions, "signal" | "refresh"> = {},
): Promise<LocalWeights> {
  const progress = new Progress("fetching weights");
  const onFetch: HubOptions["onFetch"] = ({ from, address, size, licence }) =>
    console.error(
      `medsam: fetching ${address} from ${from}: ${megabytes(size)}, licence ${licence ?? "not stated"}`,
    );
  try {
    return await resolveWeights(source, {
      ...options,
      onFetch,
      onProgress: (share) => progress.update(share),
    });
  } finally {
    progress.stop();
  }
}

/** Weights that mean the same to every worker: an address on the hub with its commit, or a path from the root. */
export async function pinnedWeights(source: string, signal?: AbortSignal): Promise<string> {
  const { hub, path } = await localWeights(source, { ...(signal && { signal }) });
  return hub?.address ?? resolve(path);
}
