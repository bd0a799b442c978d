import { spawn, type ChildProcess } from "node:child_process";
import { NativeError } from "./nativeError.js";

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
}

/** Windows has no process groups. */
const GROUPS = process.platform !== "win32";

/**
 * Runs a program and gives what it printed.
 *
 * @throws NativeError with the last lines that it printed when it fails; the signal's reason when it was stopped, and
 * then only once it and what it started have ended, so that they write nothing any more.
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
    // A group of its own, so that a stop reaches what the program has started too: python3 may be a shell script.
    const child = spawn(program, args, { env, detached: GROUPS, stdio: ["ignore", "pipe", "pipe"] });
    const stop = () => stopGroup(child);
    signal?.addEventListener("abort", stop, { once: true });
    const take = (data: Buffer) => (printed += data.toString());
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => (notStarted = error));
    child.on("close", (code, killedBy) => {
      signal?.removeEventListener("abort", stop);
      const last = printed.trim().split("\n").slice(-3).join(" | ");
      if (code === 0) resolve(printed);
      else if (signal?.aborted) reject(signal.reason as Error);
      else if (child.pid === undefined)
        reject(new NativeError(`${program} could not be started: ${notStarted?.message}`));
      else reject(new NativeError(`${program} ended with ${killedBy ?? code}: ${last}`));
    });
  });
}

function stopGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (GROUPS) process.kill(-child.pid, "SIGTERM");
    else child.kill();
  } catch {
    // It has ended in this moment.
  }
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
