import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSam } from "../model/load.js";
import { openCheckpointFile } from "../weights/open.node.js";
import { homeFolder } from "./native/home.node.js";
import { assertSelfTest, selfTest, type Golden, type SelfTestRow } from "./selfTest.js";
import type { BackendName } from "./startBackend.js";

const MODELS = new URL("../../models/", import.meta.url);

/** Runs the self-test of the backend in use with the checkpoint in the package. */
export async function runSelfTest(): Promise<SelfTestRow[]> {
  const golden = JSON.parse(readFileSync(new URL("medsam-tiny.golden.json", MODELS), "utf8")) as Golden;
  const checkpoint = openCheckpointFile(fileURLToPath(new URL("medsam-tiny.safetensors", MODELS)));
  const { model } = buildSam(checkpoint);
  checkpoint.close();
  try {
    return await selfTest(model, golden);
  } finally {
    model.dispose();
  }
}

/**
 * A test, once a device: that it passed is remembered in the user's folder by backend, device and versions.
 *
 * @param detail what else the result depends on, such as a library's version.
 * @param test default: the self-test of the backend in use.
 * @throws BackendError, or whatever `test` throws, when the backend departs from the golden values.
 */
export async function verifyOnce(
  backend: BackendName,
  detail: string,
  test: () => Promise<void> = async () => assertSelfTest(await runSelfTest()),
): Promise<void> {
  const file = join(homeFolder(), "self-test.json");
  const versions = JSON.parse(readFileSync(new URL("../package.json", MODELS), "utf8")) as {
    version: string;
  };
  const key = [versions.version, backend, detail, process.version, process.arch, cpus()[0]?.model].join(
    " | ",
  );
  const passed = readPassed(file);
  if (passed.includes(key)) return;
  await test();
  try {
    mkdirSync(homeFolder(), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify([...passed, key], null, 1));
    renameSync(temporary, file);
  } catch {
    // A folder that cannot be written only means that the test runs again next time.
  }
}

function readPassed(file: string): string[] {
  try {
    const list: unknown = JSON.parse(readFileSync(file, "utf8"));
    return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
  } catch {
    return [];
  }
}
