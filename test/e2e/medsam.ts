import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The command line as it is packed: `npm run build` comes before these tests. */
export const MAIN = join(ROOT, "dist", "cli", "main.js");
export const SAMPLE = join(ROOT, "examples", "sample", "sample.png");

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `auto` means here: the same on every machine. */
export const ENV = { ...process.env, MEDSAM_BACKEND: "wasm" };

/**
 * Runs `medsam` with these arguments to its end; its progress is left out. One that hangs is ended, and what it says
 * from then on is lost; a training beside other tests takes minutes on a slow machine.
 */
export function medsam(args: readonly string[], cwd = ROOT, timeout = 300_000): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd,
    env: ENV,
    encoding: "utf8",
    timeout,
  });
  // On a busy machine even the sample takes long enough for a line of progress.
  return { status, stdout, stderr: stderr.replace(/^medsam: \d+ % \|.*\n/gm, "") };
}

/** Makes a folder one where this package is installed. */
export function installIn(folder: string): void {
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(ROOT, join(folder, "node_modules", "medsam-tfjs"), "junction");
  symlinkSync(
    join(ROOT, "node_modules", "@tensorflow"),
    join(folder, "node_modules", "@tensorflow"),
    "junction",
  );
}

/** Runs a TypeScript program in a folder where this package is installed. */
export function runTypeScript(program: string, folder: string): Run {
  writeFileSync(join(folder, "program.ts"), program);
  const tsx = join(ROOT, "node_modules", "tsx", "dist", "cli.mjs");
  return spawnSync(process.execPath, [tsx, "program.ts"], { cwd: folder, env: ENV, encoding: "utf8" });
}

/** Runs a command that a result names, as a shell in that folder takes it. */
export function runAgain(command: string, cwd: string): Run {
  const script = `medsam() { "$NODE" "$MAIN" "$@"; }; ${command}`;
  const env = { ...ENV, NODE: process.execPath, MAIN };
  return spawnSync("sh", ["-c", script], { cwd, env, encoding: "utf8", timeout: 300_000 });
}

/** An empty folder for one test, removed after it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
