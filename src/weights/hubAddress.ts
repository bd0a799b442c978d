import { CheckpointError } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";

/** Weights in a repository of the Hugging Face hub. */
export interface HubAddress {
  /** `OWNER/REPOSITORY`. */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Path in the repository; undefined: the one that holds the weights. */
  readonly file?: string;
}

/** The hub's own address. */
export const HUB_URL = "https://huggingface.co";

/**
 * Where the hub is.
 *
 * @param text value of `HF_ENDPOINT`, which names a mirror.
 * @throws CheckpointError when it is no address.
 */
export function hubEndpoint(text: string | undefined): string {
  if (text === undefined || text === "") return HUB_URL;
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new CheckpointError(`HF_ENDPOINT is ${text}: expected an address such as ${HUB_URL}`);
  return new URL(text).href.replace(/\/+$/, "");
}

const START = /^hf:(\/\/)?/;
const FORM = /^(?<repository>[^/@]+\/[^/@]+)(@(?<revision>refs\/[^/]+\/[^/]+|[^/]+))?(\/(?<file>.+))?$/;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Reads `hf:OWNER/REPOSITORY`, optionally with `@REVISION` and `/FILE` behind it, as fsspec writes it.
 *
 * @returns undefined for text that does not begin with `hf:`.
 * @throws CheckpointError for text that does and goes on otherwise, or could name a file outside of a cache.
 */
export function parseHubAddress(text: string): HubAddress | undefined {
  if (!START.test(text)) return undefined;
  const { repository, revision, file } = FORM.exec(text.replace(START, ""))?.groups ?? {};
  const address = { repository, revision: decodeRevision(revision ?? "main"), ...(file && { file }) };
  if (repository === undefined || !Object.values(address).every(isPlainPath))
    throw new CheckpointError(
      `${quoted(text)}: expected hf:OWNER/REPOSITORY, hf:OWNER/REPOSITORY/FILE or hf:OWNER/REPOSITORY@REVISION/FILE`,
    );
  return address;
}

export function formatHubAddress({ repository, revision, file }: HubAddress): string {
  const at =
    revision === "main" ? "" : `@${revision.startsWith("refs/") ? revision : encodeURIComponent(revision)}`;
  return `hf:${repository}${at}${file === undefined ? "" : `/${file}`}`;
}

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/** Whether a path stays below the folder that it is joined to, on any system. */
export function isPlainPath(path: string): boolean {
  return path.split("/").every((name) => /^[^\\:\0]+$/.test(name) && !/^\.{1,2}$/.test(name));
}

function decodeRevision(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The file of a repository that holds its weights: what transformers would take, or else the only one there is.
 *
 * @param files paths in the repository.
 * @throws CheckpointError when there is none, or there are several of which none is the usual.
 */
export function chooseWeights(files: readonly string[], repository: string): string {
  const [safetensors, pickles] = [/\.safetensors$/, /\.(pth|pt|bin)$/].map((ending) =>
    files.filter((file) => !file.includes("/") && ending.test(file)),
  );
  const usual = ["model.safetensors", "model.safetensors.index.json"].find((file) => files.includes(file));
  const single = (list: readonly string[]) => (list.length === 1 ? list[0] : undefined);
  const pickle = pickles.find((file) => file === "pytorch_model.bin") ?? single(pickles);
  const found = usual ?? single(safetensors) ?? (safetensors.length === 0 ? pickle : undefined);
  if (found !== undefined) return found;
  const candidates = [...safetensors, ...pickles];
  throw new CheckpointError(
    `hf:${repository}: ` +
      (candidates.length === 0
        ? "holds no weights at its root: expected a .safetensors, .pth, .pt or .bin file"
        : `holds several weights; name one, such as hf:${repository}/${candidates[0]}; there are: ` +
          candidates.slice(0, 20).join(", ")),
  );
}
