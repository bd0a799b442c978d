import type { ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { LogLine } from "../../src/cli/batchFolder.js";
import { medsam } from "./medsam.js";

/** A table of generated pictures, one case each, in `folder`. */
export function generate(folder: string, count: number): string {
  const run = medsam(["synthesize", "--out", join(folder, "data"), "--count", `${count}`, "--size", "64"]);
  expect(run.status, run.stderr).toBe(0);
  const rows = Array.from(
    { length: count },
    (_, n) => `data/images/${String(n).padStart(4, "0")}.png,8,8,50,50`,
  );
  const table = join(folder, "cases.csv");
  writeFileSync(table, ["image,x0,y0,x1,y1", ...rows, ""].join("\n"));
  return table;
}

/** The JSON files of the cases that are done. */
export const finished = (out: string): string[] =>
  existsSync(join(out, "cases"))
    ? readdirSync(join(out, "cases")).filter((file) => file.endsWith(".json"))
    : [];

/** What a batch wrote down of its cases. */
export const logOf = (out: string, name = "log.jsonl"): LogLine[] =>
  readFileSync(join(out, name), "utf8")
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as LogLine);

/** When and as what file each finished case was written. */
export const identities = (out: string): Map<string, string> =>
  new Map(
    finished(out).map((file) => {
      const { ino, mtimeMs } = statSync(join(out, "cases", file));
      return [file, `${ino} ${mtimeMs}`];
    }),
  );

export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once("exit", resolve));
}
