import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { ENV, ROOT } from "./medsam.js";

// npm webgpu is for those who want it: .ci/run installs it before this is run.
const dawn = hasDawn();
if (!dawn) console.warn("webgpu.test.ts: skipped; npm webgpu is not installed");

function hasDawn(): boolean {
  try {
    return createRequire(import.meta.url).resolve("webgpu") !== "";
  } catch {
    return false;
  }
}

test.skipIf(!dawn)("without Vulkan's drivers, webgpu says what it needs", () => {
  const script = `
    const { useBackend } = await import("./dist/backend/useBackend.node.js");
    await useBackend("webgpu").catch(({ name, message }) => console.log(name, message));
    process.exit(0);`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...ENV, VK_ICD_FILENAMES: "/none.json", VK_DRIVER_FILES: "/none.json" },
  });
  expect(stdout).toMatch(/^BackendError webgpu: Dawn finds no WebGPU device; it needs Vulkan .*libvulkan1/);
});
