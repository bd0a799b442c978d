import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { NativeError } from "./nativeError.js";
import type { Part } from "./parts.js";
import { findProgram, run } from "./run.node.js";
import { sha256Of } from "./wheel.node.js";

export interface ObtainOptions {
  /** From {@link findPip}. */
  readonly python: string | undefined;
  /** An empty folder, for the file and what pip stores meanwhile. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  /** Told the share that is fetched. */
  readonly onProgress?: (share: number) => void;
}

/** How often, in milliseconds, one looks how much is there. */
const LOOK_EVERY = 300;

/** A Python with pip; which release does not matter. @throws NativeError when there is none. */
export async function findPip(): Promise<string> {
  const pythons = ["python3", "python"];
  const withPip = await findProgram(pythons, ["-m", "pip", "--version"]);
  if (withPip !== undefined) return withPip;
  const python = await findProgram(pythons, ["--version"]);
  const missing =
    python === undefined
      ? "Python was not found; TensorFlow comes as a Python wheel, which pip fetches. Install Python 3 with pip"
      : `${python} has no pip, which fetches TensorFlow's wheel. Install it`;
  throw new NativeError(
    `${missing} (Debian: apt install python3-pip), or fetch the wheel elsewhere and give it with --wheel`,
  );
}

/** The arguments of `python -m pip` that fetch a wheel, for this computer or another. */
export function pipArguments({ name, version, file }: Part): string[] {
  const platform = file.slice(0, -".whl".length).split("-").at(-1)?.split(".").at(-1) ?? "any";
  const target = ["--python-version", "3.11", "--implementation", "cp", "--platform", platform];
  return ["download", "--no-deps", "--only-binary=:all:", ...target, `${name}==${version}`];
}

/**
 * A part that lies beside a wheel that was fetched elsewhere, for computers without a network.
 *
 * @param given the TensorFlow wheel, under whatever name.
 * @returns its path, or undefined when it has to be fetched.
 * @throws NativeError when it is damaged, or is another file.
 */
export async function partBeside(part: Part, given: string): Promise<string | undefined> {
  const isGiven = part.name.startsWith("tensorflow");
  const path = isGiven ? given : join(dirname(given), part.file);
  if (!existsSync(path)) {
    if (!isGiven) return undefined;
    throw new NativeError(`${given}: no such file; expected the wheel ${part.file}`);
  }
  const { size } = statSync(path);
  // A wheel cut short needs no reading.
  const hash = size === part.bytes ? await sha256Of(path) : undefined;
  if (hash === part.sha256) return path;
  const seen = hash === undefined ? `${size} bytes, expected ${part.bytes}` : `SHA-256 ${hash}`;
  throw new NativeError(
    `${path}: damaged, or another file: ${seen}; expected ${part.file} with SHA-256 ${part.sha256}. ` +
      (part.registry === "pypi"
        ? `To fetch it: python3 -m pip ${pipArguments(part).join(" ")}`
        : `To fetch it: npm pack ${part.name}@${part.version}`),
  );
}

/**
 * Fetches a part with the user's own pip or npm, so that their mirrors, proxies and certificates count, and checks
 * its hash.
 *
 * @returns its path, in `folder`.
 * @throws NativeError when it cannot be fetched, or is not what it was when this release was made.
 */
export async function fetchPart(part: Part, options: ObtainOptions): Promise<string> {
  const { python, folder, signal, onProgress } = options;
  const what = `${part.name} ${part.version}`;
  mkdirSync(folder, { recursive: true });
  const looking = setInterval(() => onProgress?.(Math.min(1, largestFile(folder) / part.bytes)), LOOK_EVERY);
  try {
    if (part.registry === "npm") {
      const pack = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
      await run("npm", [...pack, `${part.name}@${part.version}`], { signal });
    } else {
      // Neither a second copy in pip's cache, nor a large one in a small /tmp.
      const quiet = ["--no-cache-dir", "--progress-bar", "off", "--dest", folder];
      const env = { ...process.env, TMPDIR: folder };
      await run(python ?? "python3", ["-m", "pip", ...pipArguments(part), ...quiet], { signal, env });
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    const client = part.registry === "npm" ? "npm" : "pip";
    throw new NativeError(
      `${client} could not fetch ${what}: ${(error as Error).message}. Check the network and ${client}'s settings, ` +
        `or fetch ${part.file} elsewhere and put it beside the wheel given with --wheel`,
    );
  } finally {
    clearInterval(looking);
  }
  const path = join(folder, part.file);
  const hash = existsSync(path) ? await sha256Of(path) : "none, as there is no such file";
  if (hash === part.sha256) return path;
  rmSync(folder, { recursive: true, force: true });
  throw new NativeError(
    `${basename(path)}: damaged on its way, or another file in the registry: SHA-256 is ${hash}, ` +
      `expected ${part.sha256}. Try again; if it stays so, fetch it elsewhere and give it with --wheel`,
  );
}

function largestFile(folder: string): number {
  let largest = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) largest = Math.max(largest, statSync(join(entry.parentPath, entry.name)).size);
  } catch {
    // A file that pip has just renamed.
  }
  return largest;
}
