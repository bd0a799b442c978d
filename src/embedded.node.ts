import { fileURLToPath } from "node:url";

/**
 * The small checkpoint in the package: trained on generated shapes only, a demonstration, not for clinical use
 * (see models/README.md). Node only.
 */
export const EMBEDDED_CHECKPOINT: string = fileURLToPath(
  new URL("../models/medsam-tiny.safetensors", import.meta.url),
);
