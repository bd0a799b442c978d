import { execFileSync } from "node:child_process";
import { test } from "vitest";

test("docs/files-that-work.md has a row for each test of fileWorks, and no other", () => {
  execFileSync(process.execPath, ["scripts/files-that-work.mjs", "--check"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
});
