import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { writeTfjsLink } from "../tensorflow.node.js";
import { checkInstallation, type NativeCheck } from "./check.node.js";
import { compileAddons, findCompiler } from "./compile.node.js";
import { installationFolder, leftovers, nativeFolder, VARIANTS, type Manifest } from "./home.node.js";
import { takeLock } from "./lock.node.js";
import { NativeError } from "./nativeError.js";
import { fetchPart, findPip, partBeside } from "./obtain.node.js";
import { partsOf, peakBytes, TFJS_VERSION, type Part, type Variant } from "./parts.js";
import { run } from "./run.node.js";
import { unpackWheel } from "./wheel.node.js";

export interface InstallOptions {
  readonly signal?: AbortSignal;
  /** Told what is being done and the share of it, where that is known. */
  readonly onProgress?: (what: string, share?: number) => void;
}

/** What an install will do, for saying it beforehand. */
export interface InstallPlan {
  readonly variant: Variant;
  readonly folder: string;
  /** What to fetch, or where it lies. */
  readonly parts: readonly { readonly part: Part; readonly path: string | undefined }[];
  /** Bytes to fetch. */
  readonly download: number;
  /** Bytes on disk afterwards. */
  readonly installed: number;
}

/** Members of the wheels that are needed: libraries to run, a few headers to compile, what CUDA compiles with. */
const WANTED = [
  /^tensorflow\/libtensorflow_(cc|framework)\.(so\.2|2\.dylib)$/,
  /^tensorflow\/include\/(tensorflow\/c|tensorflow\/core\/platform|tsl\/platform|xla\/tsl\/c)\/.*\.h$/,
  /^nvidia\/\w+\/(lib\/[^/]+\.so(\.\d+)*|bin\/ptxas|nvvm\/libdevice\/[^/]+)$/,
];

/**
 * Says what an install will do, and checks what can be checked before.
 *
 * @param wheel a TensorFlow wheel that was fetched elsewhere; other parts that lie beside it are used too.
 * @throws NativeError when there is nothing for this computer, or a file that was given is damaged.
 */
export async function planInstall(variant: Variant, wheel?: string): Promise<InstallPlan> {
  const wanted = partsOf(variant);
  if (process.platform === "linux" && !hasGlibc())
    throw new NativeError(
      "TensorFlow's libraries need glibc, and this Linux has another C library (musl); use a system with glibc, such as Debian, or the wasm backend",
    );
  const parts: { part: Part; path: string | undefined }[] = [];
  for (const part of wanted)
    parts.push({ part, path: wheel === undefined ? undefined : await partBeside(part, resolve(wheel)) });
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
  return {
    variant,
    folder: installationFolder(variant),
    parts,
    download: sum(parts.map(({ part, path }) => (path === undefined ? part.bytes : 0))),
    installed: sum(wanted.map(({ unpacked }) => unpacked)),
  };
}

/**
 * Installs the native backend for this user: TensorFlow's libraries from its wheel, the backend from npm, and the
 * addon between them compiled here. The installation appears in one piece at the end, after it was started in a
 * process of its own and gave right numbers; a failure or a stop leaves nothing.
 *
 * @throws NativeError with the next step for whatever is missing.
 */
export async function installNative(
  { variant, folder, parts }: InstallPlan,
  { signal, onProgress = () => undefined }: InstallOptions = {},
): Promise<{ manifest: Manifest; check: NativeCheck }> {
  const unlock = takeLock(lockFile());
  const work = join(nativeFolder(), `partial-${process.pid}`);
  try {
    leftovers().forEach(removeFolder);
    assertRoom(parts.map(({ part, path }) => (path === undefined ? part : { ...part, bytes: 0 })));
    const compiler = await findCompiler();
    const usesPip = parts.some(({ part, path }) => path === undefined && part.registry === "pypi");
    const python = usesPip ? await findPip() : undefined;
    const fetched = join(work, "download");
    for (const { part, path } of parts) {
      const fetching = `fetching ${part.file} (${Math.max(0.1, part.bytes / 1e6).toFixed(1)} MB)`;
      if (path === undefined) onProgress(fetching);
      const tell = (share: number) => onProgress(fetching, share);
      const file = path ?? (await fetchPart(part, { python, folder: fetched, signal, onProgress: tell }));
      await unpackPart(part, file, work, { signal, onProgress });
      removeFolder(fetched);
    }

    onProgress("compiling the addons");
    await compileAddons(compiler, work, signal);
    for (const unneeded of ["headers", join("tensorflow", "include")]) removeFolder(join(work, unneeded));
    writeTfjsLink(work);

    onProgress("starting it");
    const check = await checkInstallation(work, signal);
    const manifest: Manifest = {
      variant,
      tensorflow: check.tensorflow,
      tfjsNode: TFJS_VERSION,
      compiler: compiler.version,
      size: sizeOfFolder(work),
    };
    writeFileSync(join(work, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    replaceFolder(work, folder);
    return { manifest, check };
  } catch (error) {
    throw isDiskFull(error) ? noRoom("it is full") : error;
  } finally {
    removeFolder(work);
    unlock();
  }
}

/** Removes every installation, and what an install that was killed left. @returns what was installed. */
export function removeNative(): Variant[] {
  const unlock = takeLock(lockFile());
  try {
    const removed = VARIANTS.filter((variant) => existsSync(installationFolder(variant)));
    [...removed.map(installationFolder), ...leftovers()].forEach(removeFolder);
    return removed;
  } finally {
    unlock();
  }
}

async function unpackPart(
  part: Part,
  file: string,
  work: string,
  { signal, onProgress }: InstallOptions,
): Promise<void> {
  const folder = join(work, part.into);
  mkdirSync(folder, { recursive: true });
  if (part.registry === "npm") {
    await run("tar", ["-xzf", file, "--strip-components=1", "-C", folder], { signal });
    return;
  }
  await unpackWheel(file, folder, {
    wanted: (name) => WANTED.some((pattern) => pattern.test(name)),
    signal,
    onProgress: (share) => onProgress?.(`unpacking ${part.file}`, share),
  });
}

function lockFile(): string {
  return join(nativeFolder(), "install.lock");
}

function hasGlibc(): boolean {
  const report = process.report.getReport() as unknown as {
    readonly header: { glibcVersionRuntime?: string };
  };
  return report.header.glibcVersionRuntime !== undefined;
}

function assertRoom(parts: readonly Part[]): void {
  const { bavail, bsize } = statfsSync(nativeFolder());
  const [needed, free] = [peakBytes(parts), bavail * bsize];
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  if (free < needed) throw noRoom(`${gigabytes(needed)} are needed, ${gigabytes(free)} are free`);
}

function noRoom(what: string): NativeError {
  return new NativeError(
    `too little room on the disk of ${nativeFolder()}: ${what}; free some, or set MEDSAM_HOME to a folder on another disk`,
  );
}

/** Told by this process, or by pip or tar in what they printed. */
function isDiskFull(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    code === "ENOSPC" || code === "EDQUOT" || /No space left on device|Disk quota exceeded/.test(message)
  );
}

/** Puts `from` in the place of `to`; the old one is out of the way before, and goes last. */
function replaceFolder(from: string, to: string): void {
  const old = `${from}-old`;
  if (existsSync(to)) renameSync(to, old);
  renameSync(from, to);
  removeFolder(old);
}

/** A program that was stopped may still be writing its last file: some patience. */
function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

function sizeOfFolder(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
