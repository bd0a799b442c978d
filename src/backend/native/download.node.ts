import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { NativeError } from "./nativeError.js";
import { findProgram, run } from "./run.node.js";
import {
  NODE_PACKAGE,
  TENSORFLOW_VERSION,
  TFJS_VERSION,
  WHEEL_PACKAGE,
  type Platform,
  type Variant,
} from "./variants.js";
import { readWheelText, unpackWheel } from "./wheel.node.js";

interface Step {
  readonly signal?: AbortSignal;
  readonly onProgress?: (what: string, share?: number) => void;
}

/** npm packages that an installation needs: where they go, and at which version. */
const PROTOBUF = { name: "google-protobuf", version: "3.21.4" };
const HEADERS = { name: "node-api-headers", version: "1.9.0" };

/** A Python with pip; which release does not matter. @throws NativeError when there is none. */
export async function findPip(): Promise<string> {
  const python = await findProgram(["python3", "python"], ["--version"]);
  if (python === undefined)
    throw new NativeError(
      "Python was not found; TensorFlow comes as a Python wheel. Install Python 3 with pip (Debian: apt install python3-pip), " +
        "or fetch the wheel elsewhere and give it with --wheel",
    );
  if ((await findProgram([python], ["-m", "pip", "--version"])) === undefined)
    throw new NativeError(
      `${python} has no pip, which fetches TensorFlow's wheel. Install it (Debian: apt install python3-pip), ` +
        "or fetch the wheel elsewhere and give it with --wheel",
    );
  return python;
}

/** Fetches TensorFlow's wheel with the user's pip, from wherever that is set up to look. */
export async function downloadWheel(
  python: string,
  variant: Variant,
  platform: Platform,
  folder: string,
  { signal, onProgress }: Step,
): Promise<string> {
  const name = `${WHEEL_PACKAGE[variant]}==${TENSORFLOW_VERSION}`;
  await pipDownload(python, [name], platform, folder, { signal, onProgress });
  const wheel = readdirSync(folder).find((file) => file.endsWith(".whl"));
  if (wheel === undefined) throw new NativeError(`pip ended without a wheel of ${name}`);
  return join(folder, wheel);
}

/** Fetches the CUDA packages that the wheel names and lays their libraries where TensorFlow looks for them. */
export async function downloadCuda(
  python: string,
  wheel: string,
  folder: string,
  platform: Platform,
  { signal, onProgress }: Step,
): Promise<void> {
  const metadata = await readWheelText(wheel, (name) => name.endsWith(".dist-info/METADATA"));
  const wanted = [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;]+?)\s*;\s*extra == "and-cuda"/gm)].map(
    ([, name]) => name,
  );
  const fetched = join(folder, "download", "cuda");
  mkdirSync(fetched, { recursive: true });
  onProgress?.(`fetching ${wanted.length} CUDA packages`);
  await pipDownload(python, wanted, platform, fetched, { signal, onProgress });
  const wheels = readdirSync(fetched).filter((file) => file.endsWith(".whl"));
  for (const [index, file] of wheels.entries()) {
    onProgress?.("unpacking CUDA", index / wheels.length);
    await unpackWheel(join(fetched, file), folder, { wanted: (name) => name.startsWith("nvidia/"), signal });
  }
}

async function pipDownload(
  python: string,
  names: readonly string[],
  platform: Platform,
  folder: string,
  { signal, onProgress }: Step,
): Promise<void> {
  const tags = platform.tags.flatMap((tag) => ["--platform", tag]);
  // pip prints numbers for other programs since 24.1.
  const version = /pip (\d+)\.(\d+)/.exec(await run(python, ["-m", "pip", "--version"], { signal }));
  const printsNumbers = Number(version?.[1]) + Number(version?.[2]) / 10 >= 24.1;
  const bar = ["--progress-bar", printsNumbers ? "raw" : "off"];
  const target = ["--python-version", "3.11", "--implementation", "cp", ...tags];
  const args = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"];
  try {
    await run(python, [...args, ...bar, ...target, "--dest", folder, ...names], {
      signal,
      // "Progress 1234 of 5678"
      onOutput: (text) => {
        const [, done, total] = /Progress (\d+) of (\d+)\s*$/.exec(text) ?? [];
        if (done !== undefined) onProgress?.("fetching wheels", Number(done) / Number(total));
      },
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NativeError(
      `pip could not fetch ${names.join(", ")}: ${(error as Error).message}. Check the network and pip's settings, ` +
        "or fetch the wheel elsewhere and give it with --wheel",
    );
  }
}

/**
 * Takes the backend, protobuf and the headers of Node's addons from npm, without running anything of theirs.
 * Archives that lie in `beside` are used instead of the network.
 */
export async function downloadPackages(
  variant: Variant,
  work: string,
  fetched: string,
  beside: string | undefined,
  { signal }: Step,
): Promise<void> {
  const packages = [
    { name: NODE_PACKAGE[variant], version: TFJS_VERSION, into: "tfjs-node" },
    { ...PROTOBUF, into: join("node_modules", PROTOBUF.name) },
    { ...HEADERS, into: "headers" },
  ];
  for (const { name, version, into } of packages) {
    const archive = `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
    const given = beside === undefined ? undefined : join(beside, archive);
    const file = given !== undefined && existsSync(given) ? given : join(fetched, archive);
    if (!existsSync(file)) {
      try {
        await run(
          "npm",
          ["pack", "--silent", "--ignore-scripts", "--pack-destination", fetched, `${name}@${version}`],
          { signal },
        );
      } catch (error) {
        if (signal?.aborted) throw error;
        throw new NativeError(
          `npm could not fetch ${name} ${version}: ${(error as Error).message}. Check the network, or put ${archive} beside the wheel`,
        );
      }
    }
    const folder = join(work, into);
    mkdirSync(folder, { recursive: true });
    await run("tar", ["-xzf", file, "--strip-components=1", "-C", folder], { signal });
  }
}
