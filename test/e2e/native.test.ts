import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** A pip that finds nothing, at once. */
const NO_NETWORK = {
  PIP_INDEX_URL: "http://127.0.0.1:9/simple",
  PIP_RETRIES: "0",
  PIP_FIND_LINKS: "",
  PIP_CONFIG_FILE: "/dev/null",
};

/** Every way in which an install can fail before it is complete: one line, exit code 1, nothing left. */
describe("medsam native", () => {
  let home: string;
  let work: string;

  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), "medsam-native-"));
    home = join(work, "home");
  });
  afterEach(() => rmSync(work, { recursive: true, force: true }));

  function native(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    return spawnSync(process.execPath, ["dist/cli/main.js", "native", ...args], {
      encoding: "utf8",
      env: { ...process.env, MEDSAM_HOME: home, ...env },
    });
  }

  /** A PATH with these programs alone. */
  function pathWith(...programs: string[]): string {
    const folder = join(work, "bin");
    mkdirSync(folder, { recursive: true });
    for (const program of programs)
      symlinkSync(execFileSync("which", [program], { encoding: "utf8" }).trim(), join(folder, program));
    return folder;
  }

  function expectFailure(result: ReturnType<typeof native>, message: RegExp): void {
    expect(result.status, result.stderr).toBe(1);
    const lines = result.stderr.trim().split("\n");
    expect(lines.at(-1)).toMatch(message);
    expect(lines.at(-1)).toMatch(/^medsam: /);
    // At most an empty folder: no part of an installation, no lock.
    expect(readable(join(home, "native"))).toEqual([]);
  }

  function readable(folder: string): string[] {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  }

  it("says that it is not installed, and how to change that", () => {
    const { status, stdout } = native(["status"]);
    expect(status).toBe(0);
    expect(stdout).toContain("medsam native install");
    expect(native(["remove"]).stdout).toContain("nothing was installed");
  });

  it("misses a compiler before it fetches anything", () => {
    expectFailure(
      native(["install"], { PATH: pathWith("python3") }),
      /no C\+\+ compiler was found.*apt install g\+\+/,
    );
    expectFailure(native(["install"], { CXX: join(work, "none") }), /no C\+\+ compiler was found \(CXX is /);
  });

  it("misses Python, and pip", () => {
    const path = pathWith("c++");
    expectFailure(native(["install"], { PATH: path }), /Python was not found.*--wheel/);
    const script = '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "No module named pip" >&2\nexit 1\n';
    writeFileSync(join(path, "python3"), script, { mode: 0o755 });
    symlinkSync("/bin/sh", join(path, "sh"));
    expectFailure(native(["install"], { PATH: path }), /python3 has no pip.*apt install python3-pip/);
  });

  it("misses the wheel that is named", () => {
    expectFailure(
      native(["install", "--wheel", join(work, "none.whl")]),
      /none\.whl: no such file; expected the wheel tensorflow_cpu/,
    );
  });

  it("refuses a wheel with another hash, a truncated one among them", () => {
    const wheel = join(work, "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl");
    writeFileSync(wheel, Buffer.from("PK\x03\x04 and then nothing"));
    const another = /damaged, or another file: 21 bytes, expected 273829956; .* To fetch it: python3 -m pip/;
    expectFailure(native(["install", "--wheel", wheel]), another);
    truncateSync(wheel, 273_829_956); // the right size, and nothing in it
    const changed = /damaged, or another file: SHA-256 [0-9a-f]{64}; expected .* with SHA-256 [0-9a-f]{64}/;
    expectFailure(native(["install", "--wheel", wheel]), changed);
  });

  it("reports what pip said when it cannot fetch", () => {
    expectFailure(native(["install"], NO_NETWORK), /pip could not fetch tensorflow-cpu 2\.21\.0.*--wheel/);
  });

  it("does not start beside another install, and takes over the lock of a dead one", () => {
    mkdirSync(join(home, "native"), { recursive: true });
    const lock = join(home, "native", "install.lock");
    writeFileSync(lock, String(process.pid));
    const { status, stderr } = native(["install"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/another install is running \(process \d+\)/);
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(lock, String(gone));
    mkdirSync(join(home, "native", "partial-1"));
    expectFailure(native(["install"], NO_NETWORK), /pip could not fetch/);
  });

  it("needs a folder that it may write", () => {
    writeFileSync(join(work, "file"), "");
    const { status, stderr } = native(["install"], { MEDSAM_HOME: join(work, "file") });
    expect(status).toBe(1);
    expect(stderr).toMatch(/cannot be written: .*; set MEDSAM_HOME to a folder that you may write/);
  });

  it("needs room on the disk", (context) => {
    mkdirSync(join(home, "native"), { recursive: true });
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", home]).status === 0;
    if (!mounted) context.skip("a small file system cannot be mounted here");
    try {
      expectFailure(
        native(["install"]),
        /too little room on the disk .* 1\.1\d GB are needed, 0\.00 GB are free/,
      );
    } finally {
      spawnSync("umount", [home]);
    }
  });
});
