import { fileURLToPath } from "node:url";
import { loadMedSam as loadFromAnywhere } from "./loadMedSam.js";
import type { SamConfig, TINY } from "./model/config.js";
import { buildSam, type LoadOptions } from "./model/load.js";
import type { Sam } from "./model/sam.js";
import { assertBackendInUse } from "./weights/backendInUse.js";
import type { HubOptions } from "./weights/hub.node.js";
import { openCheckpointFile } from "./weights/open.node.js";
import { resolveWeights } from "./weights/resolve.node.js";

/**
 * The small checkpoint in the package: trained on generated shapes only, a demonstration, not for clinical use
 * (see models/README.md). Node only.
 */
export const EMBEDDED_CHECKPOINT: string = fileURLToPath(
  new URL("../models/medsam-tiny.safetensors", import.meta.url),
);

/**
 * Where weights may come from in Node: a file's path, a URL (`file:` or `https:`), bytes, an address on the Hugging Face
 * hub (`hf:OWNER/REPOSITORY`, optionally with `@REVISION` and `/FILE`), or a name of `PUBLISHED` (`medsam`).
 */
export type CheckpointInput = string | URL | Uint8Array;

/** How `loadMedSam` gets weights in Node, and builds a model of them. */
export interface NodeLoadOptions<Config extends SamConfig = SamConfig>
  extends LoadOptions<Config>, HubOptions {}

/**
 * Loads SAM or MedSAM from safetensors or `.pth`; the architecture is recognised. A file is read a tensor at a
 * time. Weights on the hub are fetched once, into the cache that Python's huggingface_hub uses. Call `useBackend`
 * before.
 *
 * @param source default: the small checkpoint in the package.
 * @throws CheckpointError when it cannot be fetched or read, or does not fit a SAM.
 */
export function loadMedSam(): Promise<Sam<typeof TINY>>;
export function loadMedSam<Config extends SamConfig = SamConfig>(
  source?: CheckpointInput,
  options?: NodeLoadOptions<Config>,
): Promise<Sam<Config>>;
export async function loadMedSam<Config extends SamConfig>(
  source: CheckpointInput = EMBEDDED_CHECKPOINT,
  options: NodeLoadOptions<Config> = {},
): Promise<Sam<Config>> {
  assertBackendInUse();
  const text = source instanceof Uint8Array ? undefined : String(source);
  if (text === undefined || /^https?:/i.test(text)) return loadFromAnywhere(source, options);
  const { path } = await resolveWeights(text, options);
  const checkpoint = openCheckpointFile(path);
  try {
    const { model, report } = buildSam(checkpoint, options);
    options.onReport?.(report);
    return model;
  } finally {
    checkpoint.close();
  }
}
