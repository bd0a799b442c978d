import { Command } from "commander";
import { UsageError } from "./errors.js";
import { columns, megabytes } from "./format.js";

interface DownloadFlags {
  readonly json?: boolean;
}

/** `medsam download`: published weights into the cache. */
export function downloadCommand(signal: AbortSignal): Command {
  return new Command("download")
    .summary("published weights, from the Hugging Face hub")
    .description(
      "Fetches weights from the Hugging Face hub into the cache that Python's huggingface_hub uses, checks their hash " +
        "and prints their path. Weights that are there are fetched again only when the hub has newer ones. A download " +
        "that was interrupted is resumed. Without a name it lists the names.",
    )
    .argument("[weights]", "a name of the list, or hf:OWNER/REPOSITORY, hf:OWNER/REPOSITORY@REVISION/FILE")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Wherever a command takes --checkpoint, these names and addresses work too.

Environment variables, as in Python:
  HF_HOME, HF_HUB_CACHE  where the cache is (default: ~/.cache/huggingface/hub)
  HF_TOKEN               a token, for private and gated repositories
  HF_ENDPOINT            a mirror (default: https://huggingface.co)
  HF_HUB_OFFLINE=1       never ask the hub

Examples:
  $ medsam download medsam
  $ medsam segment slice.png --box 95,255,190,350 --checkpoint medsam
  $ medsam download hf:facebook/sam-vit-huge`,
    )
    .action(async (weights: string | undefined, flags: DownloadFlags) => {
      if (weights === undefined) await list(flags);
      else await download(weights, flags, signal);
    });
}

async function list({ json }: DownloadFlags): Promise<void> {
  const { ELSEWHERE, PUBLISHED } = await import("../weights/published.js");
  if (json === true) return console.log(JSON.stringify(PUBLISHED, null, 2));
  const rows = PUBLISHED.map(({ name, what, repository, file, licence, megabytes: size }) => [
    name,
    what,
    `hf:${repository}${file === undefined ? "" : `/${file}`}`,
    `${size} MB`,
    licence,
  ]);
  console.log(columns([["name", "weights", "where", "size", "licence"], ...rows]));
  for (const [name, why] of ELSEWHERE) console.log(`\n${name}: ${why}`);
}

async function download(source: string, { json }: DownloadFlags, signal: AbortSignal): Promise<void> {
  const { hubAddressOf } = await import("../weights/resolve.node.js");
  const { localWeights } = await import("./localWeights.js");
  if (hubAddressOf(source) === undefined)
    throw new UsageError(`${source}: expected hf:OWNER/REPOSITORY or a name that medsam download lists`);
  const { hub } = await localWeights(source, { signal, refresh: true });
  if (json === true || hub === undefined) return console.log(JSON.stringify(hub, null, 2));
  const { address, size, hash, path } = hub;
  console.error(
    `medsam: ${address}, ${megabytes(size)}, ${hash.length === 64 ? "SHA-256" : "Git hash"} ${hash}`,
  );
  console.log(path);
}
