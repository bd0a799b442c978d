import { Command } from "commander";
import type { NativeCheck } from "../backend/native/check.node.js";
import type { Manifest } from "../backend/native/home.node.js";
import { messageOf } from "./errors.js";
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
        "computer's C++ compiler. Needs Python with pip, npm and a compiler. May be interrupted and repeated: an " +
        "installation appears in one piece, once it was tried.",
    )
    .option("--gpu", "with CUDA, for NVIDIA GPUs (Linux x64)")
    .option("--wheel <file>", "a wheel that was fetched elsewhere; the other files beside it are used too")
    .addHelpText(
      "after",
      `
Examples:
  $ medsam native install
  $ medsam native install --gpu
  $ medsam native install --wheel tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl`,
    )
    .action((flags: InstallFlags) => install(flags, signal));
  native
    .command("status")
    .summary("what is installed, and whether it works")
    .option("--json", "print one JSON document and nothing else")
    .action((flags: { json?: boolean }) => status(flags.json === true, signal));
  native.command("remove").summary("delete what was installed").action(remove);
  return native;
}

async function install({ gpu, wheel }: InstallFlags, signal: AbortSignal): Promise<void> {
  const { installNative, planInstall } = await import("../backend/native/install.node.js");
  const plan = await planInstall(gpu === true ? "gpu" : "cpu", wheel);
  console.error(
    `Installing TensorFlow's native library${gpu ? " with CUDA" : ""} into ${plan.folder}\n` +
      `  to download: ${size(plan.download)}; on disk afterwards: ${size(plan.installed)}`,
  );
  let progress = new Progress("");
  let current = "";
  try {
    const { manifest, check } = await installNative(plan, {
      signal,
      onProgress: (what, share) => {
        if (what !== current) {
          progress.stop();
          progress = new Progress(what);
          console.error(`  ${(current = what)}`);
        }
        if (share !== undefined) progress.update(share);
      },
    });
    progress.stop();
    describe(manifest, check);
  } finally {
    progress.stop();
  }
}

interface Status {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly check?: NativeCheck;
  /** Why it does not work. */
  readonly error?: string;
}

async function status(json: boolean, signal: AbortSignal): Promise<void> {
  const { findInstallation, installationFolder, VARIANTS } = await import("../backend/native/home.node.js");
  const { checkInstallation } = await import("../backend/native/check.node.js");
  const rows: Status[] = [];
  for (const variant of VARIANTS) {
    const manifest = findInstallation(variant);
    if (manifest === undefined) continue;
    const folder = installationFolder(variant);
    try {
      const check = await checkInstallation(folder, signal);
      rows.push({ folder, manifest, check });
    } catch (error) {
      if (signal.aborted) throw error;
      rows.push({ folder, manifest, error: messageOf(error) });
    }
  }
  if (rows.some(({ error }) => error !== undefined)) process.exitCode = 1;
  if (json) {
    console.log(JSON.stringify(rows, null, 2));
    return;
  }
  if (rows.length === 0) console.log("not installed; to install it: medsam native install");
  for (const { folder, manifest, check, error } of rows) {
    if (check !== undefined) describe(manifest, check);
    else console.log(`TensorFlow ${manifest.tensorflow}, ${manifest.variant}: ${error}`);
    console.log(`  in ${folder}`);
  }
}

async function remove(): Promise<void> {
  const { removeNative } = await import("../backend/native/install.node.js");
  const removed = removeNative();
  console.log(removed.length > 0 ? `removed: ${removed.join(", ")}` : "nothing was installed");
}

function describe(manifest: Manifest, check: NativeCheck): void {
  const instructions = check.instructions.length > 0 ? ` (${check.instructions.join(", ")})` : "";
  console.log(
    `TensorFlow ${check.tensorflow}, tfjs-node ${manifest.tfjsNode}, ${size(manifest.size)} on disk\n` +
      (check.gpu !== undefined ? `  GPU: ${check.gpu}\n` : "") +
      (manifest.variant === "gpu" && check.gpu === undefined
        ? `  ${check.whyNoGpu ?? "TensorFlow takes no GPU: running on CPU"}\n`
        : "") +
      `  CPU: ${check.threads} threads${instructions}\n` +
      `  self-test passed; ${check.gflops} GFLOP/s in a matrix product\n` +
      `  compiled with ${manifest.compiler}`,
  );
}

function size(bytes: number): string {
  return bytes < 1e7 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
