import { execFileSync } from "node:child_process";
import { it } from "vitest";

it("docs/parity.md is what the recorded differences give", () => {
  execFileSync(process.execPath, ["scripts/parity-table.mjs", "--check"]);
});
