import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

it("WASM threads do not keep a finished script alive", () => {
  const script = `
    import * as tf from "@tensorflow/tfjs";
    const { useBackend } = await import("./dist/backend/useBackend.node.js");
    await useBackend("wasm", { threads: 3 });
    const ones = tf.ones([512, 512]); // large enough for all threads to get work
    console.log(tf.getBackend(), ones.matMul(ones).mean().dataSync()[0]);`;
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 30_000 });
  expect(printed.toString()).toBe("wasm 512\n");
});
