import { spawn } from "node:child_process";
import { NativeError } from "./nativeError.js";

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program and gives what it printed.
 *
 * @throws NativeError with the last lines that it printed when it fails; the signal's reason when it was stopped, and
 * then only once it has ended, so that it writes nothing any more.
 */
export async function run(
  program: string,
  args: readonly string[],
  { signal, env = process.env }: RunOptions = {},
): Promise<string> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    let printed = "";
    let notStarted: Error | undefined;
    const child = spawn(program, args, { signal, env, stdio: ["ignore", "pipe", "pipe"] });
    const take = (data: Buffer) => (printed += data.toString());
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => (notStarted = error));
    child.on("close", (code, killedBy) => {
      const last = printed.trim().split("\n").slice(-3).join(" | ");
      if (code === 0) resolve(printed);
      else if (signal?.aborted) reject(signal.reason as Error);
      else if (child.pid === undefined)
        reject(new NativeError(`${program} could not be started: ${notStarted?.message}`));
      else reject(new NativeError(`${program} ended with ${killedBy ?? code}: ${last}`));
    });
  });
}

/** The first of `programs` that runs well with `args`, or undefined. */
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
