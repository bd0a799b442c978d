import { zipSync } from "fflate";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { installationFolder } from "../../../../src/backend/native/home.node.js";
import { installNative, type InstallPlan } from "../../../../src/backend/native/install.node.js";
import { NativeError } from "../../../../src/backend/native/nativeError.js";
import type { Part } from "../../../../src/backend/native/parts.js";

// Installs of a wheel of our own that fail at one step each, over an installation that was there before.

const LIBRARY = "tensorflow/libtensorflow_cc.so.2";
let [work, home] = ["", ""];
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "medsam-install-"));
  home = join(work, "home");
  vi.stubEnv("MEDSAM_HOME", home);
  mkdirSync(home);
  writeFileSync(join(work, "c++"), "#!/bin/sh\necho some compiler\n", { mode: 0o755 });
  vi.stubEnv("CXX", join(work, "c++"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(work, { recursive: true, force: true });
});

/** Plans to install a wheel that lies there. */
function planOf(bytes: Uint8Array): InstallPlan {
  const path = join(work, "some.whl");
  writeFileSync(path, bytes);
  const part: Part = {
    registry: "pypi",
    name: "tensorflow-none",
    version: "1.0",
    file: "some.whl",
    bytes: 0,
    unpacked: 0,
    sha256: "",
    into: ".",
  };
  return {
    variant: "cpu",
    folder: installationFolder("cpu"),
    parts: [{ part, path }],
    download: 0,
    installed: 0,
  };
}

/** Fails to install it. @returns the message, after the former installation was found as it was and nothing beside it. */
async function failureOf(plan: InstallPlan): Promise<string> {
  mkdirSync(plan.folder, { recursive: true });
  writeFileSync(join(plan.folder, "manifest.json"), "the former one");
  const error: unknown = await installNative(plan).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NativeError);
  expect(readdirSync(join(home, "native"))).toEqual([plan.folder.split("/").at(-1)]);
  expect(readFileSync(join(plan.folder, "manifest.json"), "utf8")).toBe("the former one");
  expect((error as Error).message).not.toContain("\n");
  return (error as Error).message;
}

test("a disk that gets full while it unpacks", async (context) => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k", "none", home], { stdio: "ignore" });
  } catch {
    context.skip("mounting a small disk is not permitted here");
  }
  try {
    const plan = planOf(zipSync({ [LIBRARY]: new Uint8Array(1_000_000) }));
    expect(await failureOf(plan)).toMatch(
      /^too little room on the disk of .*: it is full; free some, or set/,
    );
  } finally {
    execFileSync("umount", [home]);
  }
});

test("a wheel that is damaged inside", async () => {
  const bytes = zipSync({ [LIBRARY]: [new Uint8Array(5000).map((_, n) => n * n), { level: 9 }] });
  bytes.fill(0xff, 100, 200);
  expect(await failureOf(planOf(bytes))).toMatch(/^some\.whl is damaged or no wheel: .*; fetch it again$/);
});
