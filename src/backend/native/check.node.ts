import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TensorflowFiles } from "../tensorflow.node.js";
import { explain } from "./explain.node.js";
import { filesOf } from "./home.node.js";
import { NativeError } from "./nativeError.js";
import { run } from "./run.node.js";
import { readStartLog, type StartLog } from "./startLog.js";

interface Measured {
  readonly tensorflow: string;
  readonly threads: number;
  /** Billions of floating-point operations a second in a product of 4096 x 768 and 768 x 3072. */
  readonly gflops: number;
}

/** What a freshly started process says of an installation. */
export interface NativeCheck extends Measured, StartLog {}

/** What {@link checkInstallation} hears from its process. */
export type CheckResult = Measured | { readonly error: string };

/** What {@link checkInstallation} asks its process to do. */
export interface CheckRequest extends TensorflowFiles {
  /** CUDA's libraries, which have to load also where there is no GPU to use them. */
  readonly cuda: readonly string[];
}

/**
 * Starts an installation in a process of its own, so that a library that does not load, or dies, takes nothing with
 * it, and has it compute what is known: a few operations, and the self-test with the checkpoint in the package.
 *
 * @param folder the installation's.
 * @throws NativeError saying why it does not work.
 */
export async function checkInstallation(folder: string, signal?: AbortSignal): Promise<NativeCheck> {
  const script = fileURLToPath(new URL("./checkProcess.node.js", import.meta.url));
  const request: CheckRequest = { ...filesOf(folder), cuda: cudaLibraries(folder) };
  // TensorFlow says what it found only where its messages are not silenced; a test needs all digits.
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "0", NVIDIA_TF32_OVERRIDE: "0" };
  let printed: string;
  try {
    printed = await run(process.execPath, [script, JSON.stringify(request)], { signal, env });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NativeError(explain(error));
  }
  const line = /^MEDSAM-CHECK (.*)$/m.exec(printed)?.[1];
  if (line === undefined)
    throw new NativeError(`the native backend said nothing of itself: ${printed.slice(-300)}`);
  const result = JSON.parse(line) as CheckResult;
  if ("error" in result) throw new NativeError(explain(result.error));
  return { ...result, ...readStartLog(printed) };
}

function cudaLibraries(folder: string): string[] {
  const nvidia = join(folder, "nvidia");
  if (!existsSync(nvidia)) return [];
  return readdirSync(nvidia, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.so(\.\d+)*$/.test(name))
    .map((name) => join(nvidia, name));
}
