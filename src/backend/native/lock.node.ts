import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { NativeError } from "./nativeError.js";

/**
 * Keeps two installs apart: writes this process's number into a file that must not exist. The lock of a process
 * that is gone is taken over.
 *
 * @returns how to give it back.
 * @throws NativeError when another install is running, or the folder cannot be written.
 */
export function takeLock(file: string): () => void {
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    throw new NativeError(
      `${dirname(file)} cannot be made: ${(error as Error).message}; set MEDSAM_HOME to a folder that you may write`,
    );
  }
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw new NativeError(
          `${file} cannot be written: ${(error as Error).message}; set MEDSAM_HOME to a folder that you may write`,
        );
    }
    const holder = Number(readFileSync(file, "utf8"));
    if (isRunning(holder))
      throw new NativeError(`another install is running (process ${holder}); wait for it, then try again`);
    rmSync(file, { force: true });
  }
  throw new NativeError(`another install started at the same moment; try again`);
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
