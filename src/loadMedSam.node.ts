import { fileURLToPath } from "node:url";
import { loadMedSam as loadFromAnywhere, loadMedSam2 as load2FromAnywhere, reported } from "./loadMedSam.js";
import { buildSam, buildSam2, type LoadOptions } from "./model/load.js";
import type { ModelConfig, SamConfig, TINY } from "./model/config.js";
import type { Sam2Config } from "./model/sam2/config.js";
import type { Sam2 } from "./model/sam2/sam2.js";
import type { Sam } from "./model/sam.js";
import { assertBackendInUse } from "./weights/backendInUse.js";
import type { Checkpoint } from "./weights/checkpoint.js";
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
export interface NodeLoadOptions<Config extends ModelConfig = SamConfig>
  extends LoadOptions<Config>, HubOptions {}

/**
 * Loads SAM or MedSAM from safetensors or `.pth`; the architecture is recognised. A file is read a tensor at a
 * time. Weights on the hub are fetched once, into the cache that Python's huggingface_hub uses. Call `useBackend`
 * before. Without a source it is the small checkpoint in the package.
 *
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
  if (isElsewhere(source)) return loadFromAnywhere(source, options);
  return fromFile(source, options, (checkpoint) => reported(buildSam(checkpoint, options), options));
}

/**
 * Loads MedSAM2 or SAM 2.1 from `.pt` or safetensors, as `loadMedSam`. What may be MedSAM2 is taken for it: pass
 * `imageSize: 1024` for SAM 2.1 tiny. Call `useBackend` before.
 *
 * @throws CheckpointError when it cannot be fetched or read, or does not fit a SAM 2.1.
 */
export async function loadMedSam2(
  source: CheckpointInput,
  options: NodeLoadOptions<Sam2Config> = {},
): Promise<Sam2> {
  if (isElsewhere(source)) return load2FromAnywhere(source, options);
  return fromFile(source, options, (checkpoint) => reported(buildSam2(checkpoint, options), options));
}

/** Not in a file of this computer, nor on the hub. */
function isElsewhere(source: CheckpointInput): boolean {
  return source instanceof Uint8Array || /^https?:/i.test(String(source));
}

async function fromFile<T>(
  source: CheckpointInput,
  options: HubOptions,
  build: (checkpoint: Checkpoint) => T,
): Promise<T> {
  assertBackendInUse();
  const { path } = await resolveWeights(String(source), options);
  const checkpoint = openCheckpointFile(path);
  try {
    return build(checkpoint);
  } finally {
    checkpoint.close();
  }
}
