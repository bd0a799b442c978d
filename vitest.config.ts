import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const preload = fileURLToPath(new URL("test/halfTheProcessors.cjs", import.meta.url));
process.env["NODE_OPTIONS"] = `${process.env["NODE_OPTIONS"] ?? ""} --require ${JSON.stringify(preload)}`;

// Tests that start processes or run a model are slow on two cores; a hanging one still ends.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    pool: "forks",
    maxWorkers: 2,
  },
});
