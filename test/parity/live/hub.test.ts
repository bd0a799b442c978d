import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hubWeights } from "../../../src/weights/hub.node.js";
import { COMMIT, startHub, type Hub } from "../../unit/weights/hubServer.js";
import { missing, PYTHON } from "./python.js";

/** Large enough to lie where large files do. */
const WEIGHTS = new Uint8Array(100_000).map((_, n) => n);
const FILE = "model.safetensors";
const address = { repository: "lab/medsam", revision: "main" };

let hub: Hub;
let home: string;
beforeEach(async () => {
  const config = new TextEncoder().encode('{"model_type": "sam"}');
  hub = await startHub({ "lab/medsam": { files: { [FILE]: WEIGHTS, "config.json": config } } });
  home = mkdtempSync(join(tmpdir(), "hub-"));
  vi.stubEnv("HF_HUB_CACHE", undefined);
  vi.stubEnv("HF_TOKEN", undefined);
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("HF_ENDPOINT", hub.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  rmSync(home, { recursive: true, force: true });
});

/** What `hf_hub_download` gives in Python, with the same variables. */
async function download(file: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
  const code = `from huggingface_hub import hf_hub_download; print(hf_hub_download("lab/medsam", "${file}"))`;
  const child = spawn(PYTHON!, ["-c", code], {
    env: { ...process.env, ...more },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  return text.trim();
}

describe.skipIf(missing(false) !== undefined)("Python's huggingface_hub", () => {
  it("finds what this project fetched, without a network", async () => {
    const { path } = await hubWeights(address);
    expect(await download(FILE, { HF_HUB_OFFLINE: "1" })).toBe(path);
  });

  it("fetches from the hub of the tests, and this project finds that, without a network", async () => {
    const path = await download(FILE);
    expect(path).toBe(join(home, "hub", "models--lab--medsam", "snapshots", COMMIT, FILE));
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    const config = await download("config.json");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect((await hubWeights(address)).path).toBe(path);
    // Small files have the same names in the store as well.
    const small = await hubWeights({ ...address, file: "config.json" });
    expect([small.path, small.hash]).toEqual([config, realpathSync(config).split("/").at(-1)]);
    vi.stubEnv("HF_HUB_OFFLINE", undefined);
    rmSync(join(home, "hub"), { recursive: true });
    expect((await hubWeights({ ...address, file: "config.json" })).hash).toBe(small.hash);
  });
});
