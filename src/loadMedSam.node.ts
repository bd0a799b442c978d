import { fileURLToPath } from "node:url";
import { loadMedSam as loadFromAnywhere } from "./loadMedSam.js";
import { buildSam, type LoadOptions } from "./model/load.js";
import type { Sam } from "./model/sam.js";
import { openCheckpointFile } from "./weights/open.node.js";

/**
 * The small checkpoint in the package: trained on generated shapes only, a demonstration, not for clinical use
 * (see models/README.md). Node only.
 */
export const EMBEDDED_CHECKPOINT: string = fileURLToPath(
  new URL("../models/medsam-tiny.safetensors", import.meta.url),
);

/** Where weights may come from in Node: a file's path, a URL (`file:` or `https:`), or bytes. */
export type CheckpointInput = string | URL | Uint8Array;

/**
 * Loads SAM or MedSAM from safetensors or `.pth`; the architecture is recognised. A file is read a tensor at a
 * time. Call `useBackend` before.
 *
 * @param source default: the small checkpoint in the package.
 * @throws CheckpointError when it cannot be read or does not fit a SAM.
 */
export async function loadMedSam(
  source: CheckpointInput = EMBEDDED_CHECKPOINT,
  options: LoadOptions = {},
): Promise<Sam> {
  const path = pathOf(source);
  if (path === undefined) return loadFromAnywhere(source, options);
  const checkpoint = openCheckpointFile(path);
  try {
    const { model, report } = buildSam(checkpoint, options);
    options.onReport?.(report);
    return model;
  } finally {
    checkpoint.close();
  }
}

/** Nothing when it is no file. */
function pathOf(source: CheckpointInput): string | undefined {
  if (source instanceof Uint8Array) return undefined;
  const text = String(source);
  if (/^https?:/i.test(text)) return undefined;
  return text.startsWith("file:") ? fileURLToPath(text) : text;
}
