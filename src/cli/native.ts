import { Command } from "commander";
import type { InstallOptions } from "../backend/native/install.node.js";
import type { Manifest } from "../backend/native/home.node.js";
import type { NativeCheck } from "../backend/native/check.node.js";
import { Progress } from "./progress.js";

interface InstallFlags {
  readonly gpu?: boolean;
  readonly wheel?: string;
}

/** `medsam native`: TensorFlow's native library for this user. */
export function nativeCommand(signal: AbortSignal): Command {
  const native = new Command("native")
    .summary("TensorFlow's native library: install, status, remove")
    .description(
      "Installs TensorFlow's native library for this user, for all projects and Node versions: the fastest backend " +
        "on CPUs and NVIDIA GPUs. Nothing else needs it.",
    );
  native
    .command("install")
    .summary("fetch TensorFlow, compile the addon, try it")
    .description(
      "Fetches TensorFlow's wheel with pip, the backend from npm, and compiles the addon between them with this " +
        "computer's C++ compiler. Needs Python with pip, npm and a compiler.",
    )
    .option("--gpu", "with CUDA, for NVIDIA GPUs (Linux x64)")
    .option("--wheel <file>", "a wheel that was fetched elsewhere; npm archives beside it are used too")
    .action((flags: InstallFlags) => install(flags, signal));
  native
    .command("status")
    .summary("what is installed, and whether it works")
    .option("--json", "print one JSON document and nothing else")
    .action((flags: { json?: boolean }) => status(flags.json === true, signal));
  native
    .command("remove")
    .summary("delete it")
    .option("--gpu", "the one with CUDA")
    .action(async ({ gpu }: { gpu?: boolean }) => {
      const { removeNative } = await import("../backend/native/install.node.js");
      const removed = removeNative(gpu === true ? "gpu" : "cpu");
      console.log(removed ? "removed" : "nothing was installed");
    });
  return native;
}

async function install({ gpu, wheel }: InstallFlags, signal: AbortSignal): Promise<void> {
  const { installNative, planInstall } = await import("../backend/native/install.node.js");
  const variant = gpu === true ? "gpu" : "cpu";
  const wanted: Pick<InstallOptions, "variant" | "wheel"> = {
    variant,
    ...(wheel !== undefined && { wheel }),
  };
  const plan = planInstall(wanted);
  console.error(
    `Installing TensorFlow's native library${gpu ? " with CUDA" : ""} into ${plan.folder}\n` +
      `  to download: ${gigabytes(plan.download)}; on disk afterwards: ${gigabytes(plan.installed)}`,
  );
  const progress = new Progress("installing");
  let current = "";
  try {
    const { manifest, check } = await installNative({
      ...wanted,
      signal,
      onProgress: (what, share) => {
        if (what !== current) {
          current = what;
          console.error(`  ${what}`);
        }
        if (share !== undefined) progress.update(share, what);
      },
    });
    progress.stop();
    describe(manifest, check, console.log);
  } finally {
    progress.stop();
  }
}

async function status(json: boolean, signal: AbortSignal): Promise<void> {
  const { findInstallation, filesOf, installationFolder } = await import("../backend/native/home.node.js");
  const { checkInstallation } = await import("../backend/native/check.node.js");
  const rows = [];
  for (const variant of ["cpu", "gpu"] as const) {
    const manifest = findInstallation(variant);
    if (manifest === undefined) continue;
    rows.push({ manifest, check: await checkInstallation(filesOf(installationFolder(variant)), { signal }) });
  }
  if (json) console.log(JSON.stringify(rows, null, 2));
  else if (rows.length === 0) console.log("not installed; to install it: medsam native install");
  else for (const { manifest, check } of rows) describe(manifest, check, console.log);
}

function describe(manifest: Manifest, check: NativeCheck, say: (line: string) => void): void {
  const noGpu =
    check.notes.length > 0 ? "no NVIDIA driver: running on CPU" : "no GPU was found: running on CPU";
  const device = check.gpu ? "GPU" : manifest.variant === "gpu" ? noGpu : "CPU";
  say(`TensorFlow ${check.tensorflow}, tfjs-node ${manifest.tfjsNode}, ${gigabytes(manifest.size)} on disk`);
  say(`  ${device}; ${check.threads} threads; ${check.gflops} GFLOP/s in a matrix product`);
  say(`  compiled with ${manifest.compiler}`);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
