import type { SamConfig } from "./model/config.js";
import { buildSam, type LoadOptions } from "./model/load.js";
import type { Sam } from "./model/sam.js";
import { assertBackendInUse } from "./weights/backendInUse.js";
import { bytesSource } from "./weights/byteSource.js";
import { CheckpointError } from "./weights/checkpoint.js";
import { HUB_URL, parseHubAddress } from "./weights/hubAddress.js";
import { assertHash, findOnHub } from "./weights/hubFetch.js";
import { openCheckpoint } from "./weights/open.js";
import { hashOf } from "./weights/sha256.js";

/**
 * Where weights may come from: a URL, a File or Blob, bytes, or an address on the Hugging Face hub
 * (`hf:OWNER/REPOSITORY`, optionally with `@REVISION` and `/FILE`).
 */
export type CheckpointInput = string | URL | Blob | Uint8Array;

/**
 * Loads SAM or MedSAM from safetensors or `.pth`; the architecture is recognised. Call `useBackend` before.
 *
 * @throws CheckpointError when it cannot be fetched or read, or does not fit a SAM.
 */
export async function loadMedSam<Config extends SamConfig = SamConfig>(
  source: CheckpointInput,
  options: LoadOptions<Config> = {},
): Promise<Sam<Config>> {
  assertBackendInUse();
  const { bytes, name } = await readAll(source);
  const checkpoint = openCheckpoint(bytesSource(bytes, name));
  try {
    const { model, report } = buildSam(checkpoint, options);
    options.onReport?.(report);
    return model;
  } finally {
    checkpoint.close();
  }
}

async function readAll(source: CheckpointInput): Promise<{ bytes: Uint8Array; name: string }> {
  if (source instanceof Uint8Array) return { bytes: source, name: "bytes" };
  if (source instanceof Blob) {
    const name = "name" in source && typeof source.name === "string" ? source.name : "blob";
    return { bytes: new Uint8Array(await source.arrayBuffer()), name };
  }
  const name = String(source);
  const address = parseHubAddress(name);
  const found = address && (await findOnHub(address, HUB_URL));
  const response = await fetch(found?.url ?? source);
  if (!response.ok)
    throw new CheckpointError(`${name}: the server answered ${response.status} ${response.statusText}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (found !== undefined) assertHash(await hashOf(bytes), found.sha256, name);
  return { bytes, name };
}
