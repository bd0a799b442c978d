import { spawn } from "node:child_process";
import { NativeError } from "./nativeError.js";

export interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  /** Receives what the program says while it runs; else it is kept for the error alone. */
  readonly onOutput?: (text: string) => void;
}

/**
 * Runs a program and gives what it printed.
 *
 * @throws NativeError with the last lines that it printed when it fails; the signal's reason when it was stopped.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { cwd, signal, env, onOutput } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    let printed = "";
    const child = spawn(program, args, {
      cwd,
      signal,
      env: env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const take = (data: Buffer) => {
      printed += data.toString();
      onOutput?.(data.toString());
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else reject(new NativeError(`${program} could not be started: ${error.message}`));
    });
    child.on("close", (code, killedBy) => {
      if (code === 0) return resolve(printed);
      if (signal?.aborted) return reject(signal.reason as Error);
      const last = printed.trim().split("\n").slice(-3).join(" | ");
      reject(new NativeError(`${program} ${args[0] ?? ""} ended with ${code ?? killedBy}: ${last}`));
    });
  });
}

/** The first of `programs` that can be started with `args`, or undefined. */
export async function findProgram(
  programs: readonly string[],
  args: readonly string[],
): Promise<string | undefined> {
  for (const program of programs) {
    try {
      await run(program, args);
      return program;
    } catch {
      // Not there, or not working: try the next.
    }
  }
  return undefined;
}
