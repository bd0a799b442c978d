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
import { dirname, join, resolve } from "node:path";
import { checkInstallation, type NativeCheck } from "./check.node.js";
import { compileAddon, findCompiler } from "./compile.node.js";
import {
  filesOf,
  homeFolder,
  installationFolder,
  leftovers,
  nativeFolder,
  type Manifest,
} from "./home.node.js";
import { takeLock } from "./lock.node.js";
import { NativeError } from "./nativeError.js";
import { downloadPackages, findPip, downloadCuda, downloadWheel } from "./download.node.js";
import {
  PLATFORMS,
  SIZES,
  TENSORFLOW_VERSION,
  TFJS_VERSION,
  type Platform,
  type Variant,
} from "./variants.js";
import { sha256Of, unpackWheel } from "./wheel.node.js";

export interface InstallOptions {
  readonly variant: Variant;
  /**
   * A wheel that was fetched elsewhere, for computers without a network. Archives of the npm packages that lie
   * beside it are used too.
   */
  readonly wheel?: string;
  readonly signal?: AbortSignal;
  /** Told what is being done and the share of it, where that is known. */
  readonly onProgress?: (what: string, share?: number) => void;
}

/** What an install will do, for saying it beforehand. */
export interface InstallPlan {
  readonly folder: string;
  readonly download: number;
  readonly installed: number;
}

/** Members of the wheel that are needed: the libraries to run, a few headers to compile. */
const LIBRARIES = /^tensorflow\/libtensorflow_(cc|framework)\.(so\.2|2\.dylib)$/;
const HEADERS =
  /^tensorflow\/include\/(tensorflow\/c|tensorflow\/core\/platform|tsl\/platform|xla\/tsl\/c)\/.*\.h$/;

/** @throws NativeError saying what to do instead where TensorFlow has no libraries for this computer. */
export function planInstall({ variant, wheel }: Pick<InstallOptions, "variant" | "wheel">): InstallPlan {
  platformOf(variant);
  const { download, installed } = SIZES[variant];
  return { folder: installationFolder(variant), download: wheel === undefined ? download : 0, installed };
}

/**
 * Installs the native backend for this user: TensorFlow's libraries from its wheel, the backend from npm, and the
 * addon between them compiled here. The installation appears in one piece at the end, after it was started in a
 * process of its own; a failure or a stop leaves nothing.
 *
 * @throws NativeError with the next step for whatever is missing.
 */
export async function installNative(
  options: InstallOptions,
): Promise<{ manifest: Manifest; check: NativeCheck }> {
  const { variant, signal, onProgress = () => undefined } = options;
  const platform = platformOf(variant);
  // What is missing is said before anything is fetched.
  const compiler = await findCompiler();
  const pip = options.wheel === undefined || variant === "gpu" ? await findPip() : undefined;
  if (options.wheel !== undefined && !existsSync(options.wheel))
    throw new NativeError(
      `${options.wheel}: no such file; expected a wheel of ${variant === "gpu" ? "tensorflow" : "tensorflow-cpu"} ${TENSORFLOW_VERSION}`,
    );

  const unlock = takeLock(join(nativeFolder(), "install.lock"));
  const work = join(nativeFolder(), `partial-${process.pid}`);
  try {
    for (const folder of leftovers()) rmSync(folder, { recursive: true, force: true });
    checkRoom(variant, options.wheel === undefined);
    mkdirSync(work, { recursive: true });
    const fetched = join(work, "download");
    mkdirSync(fetched);

    onProgress(`fetching TensorFlow ${TENSORFLOW_VERSION}`);
    const wheel =
      options.wheel !== undefined
        ? resolve(options.wheel)
        : await downloadWheel(pip as string, variant, platform, fetched, { signal, onProgress });
    onProgress("checking the wheel's hash");
    const hash = await sha256Of(wheel);
    const expected = platform.sha256[variant];
    if (expected !== undefined && hash !== expected)
      throw new NativeError(
        `${wheel}: SHA-256 is ${hash}, expected ${expected}: the download is damaged, or another wheel; ` +
          `expected ${variant === "gpu" ? "tensorflow" : "tensorflow-cpu"} ${TENSORFLOW_VERSION} for CPython 3.11`,
      );
    await unpackWheel(wheel, work, {
      wanted: (name) => LIBRARIES.test(name) || HEADERS.test(name),
      signal,
      onProgress: (share) => onProgress("unpacking TensorFlow", share),
    });
    if (!existsSync(join(work, "tensorflow")))
      throw new NativeError(`${wheel}: has no TensorFlow libraries in it`);
    if (variant === "gpu") await downloadCuda(pip as string, wheel, work, platform, { signal, onProgress });

    onProgress("fetching the backend from npm");
    await downloadPackages(variant, work, fetched, options.wheel && dirname(resolve(options.wheel)), {
      signal,
    });
    onProgress("compiling the addon");
    await compileAddon(compiler, work, { signal });
    for (const unneeded of ["download", "headers", join("tensorflow", "include")])
      rmSync(join(work, unneeded), { recursive: true, force: true });

    onProgress("starting it");
    const check = await checkInstallation(filesOf(work), { signal });
    const manifest: Manifest = {
      variant,
      tensorflow: check.tensorflow,
      tfjsNode: TFJS_VERSION,
      wheel: hash,
      compiler: compiler.version,
      size: sizeOfFolder(work),
    };
    writeFileSync(join(work, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    replaceFolder(work, installationFolder(variant));
    return { manifest, check };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC")
      throw new NativeError(
        `no room left on the disk of ${homeFolder()}; free some, or set MEDSAM_HOME to another disk`,
      );
    throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
    unlock();
  }
}

/** Removes an installation. @returns false when there was none. */
export function removeNative(variant: Variant): boolean {
  const unlock = takeLock(join(nativeFolder(), "install.lock"));
  try {
    const folder = installationFolder(variant);
    const existed = existsSync(folder);
    for (const left of [folder, ...leftovers()]) rmSync(left, { recursive: true, force: true });
    return existed;
  } finally {
    unlock();
  }
}

function platformOf(variant: Variant): Platform {
  const name = `${process.platform}-${process.arch}`;
  const platform = PLATFORMS[name];
  if (process.platform === "win32")
    throw new NativeError(
      "TensorFlow publishes no C++ library for Windows with this wheel; use the Linux version of Node in WSL 2, or the wasm backend",
    );
  if (platform === undefined || (variant === "gpu" && name !== "linux-x64"))
    throw new NativeError(
      `TensorFlow ${TENSORFLOW_VERSION}${variant === "gpu" ? " with CUDA" : ""} has no wheel for ${name}; use the wasm backend, which needs nothing`,
    );
  return platform;
}

function checkRoom(variant: Variant, downloads: boolean): void {
  const { bavail, bsize } = statfsSync(nativeFolder());
  const needed = SIZES[variant].installed + (downloads ? SIZES[variant].download : 0);
  if (bavail * bsize < needed)
    throw new NativeError(
      `too little room on the disk of ${nativeFolder()}: ${gigabytes(needed)} are needed, ${gigabytes(bavail * bsize)} are free; ` +
        `free some, or set MEDSAM_HOME to another disk`,
    );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Puts `from` in the place of `to`; the old one is out of the way before, and goes last. */
function replaceFolder(from: string, to: string): void {
  const old = `${from}-old`;
  if (existsSync(to)) renameSync(to, old);
  renameSync(from, to);
  rmSync(old, { recursive: true, force: true });
}

function sizeOfFolder(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
