import type { SamConfig } from "./model/config.js";
import { buildSam, buildSam2, type Built, type LoadOptions } from "./model/load.js";
import type { PromptableModel } from "./model/promptableModel.js";
import type { Sam2Config } from "./model/sam2/config.js";
import type { Sam2 } from "./model/sam2/sam2.js";
import type { Sam } from "./model/sam.js";
import { assertBackendInUse } from "./weights/backendInUse.js";
import { bytesSource } from "./weights/byteSource.js";
import { CheckpointError, type Checkpoint } from "./weights/checkpoint.js";
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
  return fromBytes(source, (checkpoint) => reported(buildSam(checkpoint, options), options));
}

/**
 * Loads MedSAM2 or SAM 2.1 from `.pt` or safetensors. What may be MedSAM2 is taken for it: pass `imageSize: 1024` for
 * SAM 2.1 tiny. Call `useBackend` before.
 *
 * @throws CheckpointError when it cannot be fetched or read, or does not fit a SAM 2.1.
 */
export async function loadMedSam2(
  source: CheckpointInput,
  options: LoadOptions<Sam2Config> = {},
): Promise<Sam2> {
  return fromBytes(source, (checkpoint) => reported(buildSam2(checkpoint, options), options));
}

/** The model, after its report was told. */
export function reported<Model extends PromptableModel>(
  { model, report }: Built<Model>,
  { onReport }: Pick<LoadOptions, "onReport">,
): Model {
  onReport?.(report);
  return model;
}

async function fromBytes<T>(source: CheckpointInput, build: (checkpoint: Checkpoint) => T): Promise<T> {
  assertBackendInUse();
  const { bytes, name } = await readAll(source);
  const checkpoint = openCheckpoint(bytesSource(bytes, name));
  try {
    return build(checkpoint);
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
