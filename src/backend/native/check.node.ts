import { fileURLToPath } from "node:url";
import type { TensorflowFiles } from "../tensorflow.node.js";
import { NativeError } from "./nativeError.js";
import { run } from "./run.node.js";

/** What a freshly started process says of an installation. */
export interface NativeCheck {
  readonly tensorflow: string;
  readonly threads: number;
  /** CUDA devices that TensorFlow uses; none without a driver. */
  readonly gpu: boolean;
  /** Billions of floating-point operations a second in a product of 2048 x 2048 matrices. */
  readonly gflops: number;
  /** What TensorFlow said about a GPU that it did not take. */
  readonly notes: readonly string[];
}

/**
 * Starts an installation in a process of its own, so that a library that does not load, or dies, takes nothing with
 * it, and has it compute a few things whose results are known.
 *
 * @throws NativeError saying why it does not work.
 */
export async function checkInstallation(
  files: TensorflowFiles,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<NativeCheck> {
  const script = fileURLToPath(new URL("./checkProcess.node.js", import.meta.url));
  // TensorFlow says why it takes no GPU only where its warnings are not silenced.
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: "0" };
  let printed: string;
  try {
    printed = await run(process.execPath, [script, JSON.stringify(files)], { signal, env });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NativeError(explain((error as Error).message));
  }
  const result = /^MEDSAM-CHECK (.*)$/m.exec(printed)?.[1];
  if (result === undefined)
    throw new NativeError(`the native backend said nothing of itself: ${printed.slice(-300)}`);
  const check = JSON.parse(result) as Omit<NativeCheck, "notes">;
  const notes = printed.split("\n").filter((line) => /cuInit|CUDA driver|NVIDIA driver|libcuda/i.test(line));
  return { ...check, notes };
}

/** The reason and the next step, from what the failed process printed last. */
function explain(message: string): string {
  if (message.includes("GLIBCXX") || message.includes("GLIBC_"))
    return `the native backend does not load: this system's libstdc++ or libc is too old for TensorFlow's wheel (${message}); use a newer system, or the wasm backend`;
  if (message.includes("invalid ELF header") || message.includes("wrong ELF class"))
    return `the native backend does not load: the libraries are for another kind of processor (${message}); install again without --wheel`;
  return `the native backend does not work here: ${message}`;
}
