import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { NativeError } from "./nativeError.js";

/** Locks of this process. */
const held = new Set<string>();

/**
 * Keeps two installs apart by a file that holds the number of the process that works. The file of a process that is
 * gone is taken over.
 *
 * @returns how to give the lock back.
 * @throws NativeError when another install is running, or the folder cannot be written.
 */
export function takeLock(file: string): () => void {
  if (held.has(file)) throw busy(file, process.pid);
  const own = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(own, String(process.pid));
  } catch (error) {
    throw notWritable(file, error);
  }
  try {
    // A link appears with its content, in one step, and fails where there is one.
    while (!tryLink(own, file)) takeOver(file, own);
  } finally {
    rmSync(own, { force: true });
  }
  held.add(file);
  return () => {
    held.delete(file);
    rmSync(file, { force: true });
  };
}

/** Takes the lock of a process that is gone away. @throws NativeError when the process is running. */
function takeOver(file: string, own: string): void {
  const holder = read(file);
  if (holder === undefined) return; // Given back in this moment.
  if (isRunning(holder)) throw busy(file, holder);
  const taken = `${own}.old`;
  try {
    renameSync(file, taken);
  } catch {
    return; // Somebody else was faster; see who holds it now.
  }
  const really = read(taken);
  // Between the look and the taking, another install may have taken over: then the lock is its, and goes back.
  const mistaken = really !== holder && tryLink(taken, file);
  rmSync(taken, { force: true });
  if (mistaken) throw busy(file, really ?? 0);
}

function busy(file: string, holder: number): NativeError {
  return new NativeError(
    `another install is running (process ${holder}); wait for it, then try again. If there is none, delete ${file}`,
  );
}

function notWritable(file: string, error: unknown): NativeError {
  return new NativeError(
    `${dirname(file)} cannot be written: ${(error as Error).message}; set MEDSAM_HOME to a folder that you may write`,
  );
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw notWritable(to, error);
  }
}

/** The process that holds the lock; 0, which is none, when the file does not say. */
function read(file: string): number | undefined {
  try {
    const holder = Number(readFileSync(file, "utf8"));
    return Number.isSafeInteger(holder) ? holder : 0;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  // A container that starts again gives the same numbers to new processes: this process's own is an old one.
  if (pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
