import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { filesOf, installationFolder } from "../../src/backend/native/home.node.js";
import { ENV, MAIN, ROOT, temporaryFolder, type Run } from "./medsam.js";

// Installing what fails, is stopped or is refused before anything is downloaded. npm's registry is a server here that
// takes questions and never answers, so an install stays as long as a test needs it to.

let silent: Server;
const sockets = new Set<Socket>();
let home = "";
beforeAll(async () => {
  silent = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined).resume());
  }).listen(0, "127.0.0.1");
  await once(silent, "listening");
});
afterAll(() => {
  silent.close();
  for (const socket of sockets) socket.destroy();
});
beforeEach(() => {
  home = temporaryFolder();
});

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Run>;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const registry = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  const child = spawn(process.execPath, [MAIN, "native", ...args], {
    env: { ...ENV, MEDSAM_HOME: home, npm_config_registry: registry, npm_config_fetch_retries: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const ended = once(child, "close").then(([status]) => ({
    status: status as number | null,
    stdout,
    stderr,
  }));
  return { child, ended };
}

/** Starts an install that waits for the registry. */
async function startWaiting(): Promise<Started & { readonly asked: Promise<unknown> }> {
  const connected = once(silent, "connection") as Promise<[Socket]>;
  const started = start(["install"]);
  const [socket] = await connected;
  return { ...started, asked: once(socket, "close") };
}

/** What a failed install says, which is one line, after it has left nothing behind. */
async function failureOf(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
  const { status, stdout, stderr } = await start(args, env).ended;
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  const lines = stderr.split("\n").filter((line) => line.startsWith("medsam: "));
  expect(lines).toHaveLength(1);
  expect(stderr.endsWith(`${lines[0]}\n`)).toBe(true);
  return lines[0];
}

const installed = () => readdirSync(join(home, "native"));

describe("medsam native", () => {
  test("says beforehand how much it will download and store", async () => {
    const { stderr } = await start(["install"], { PATH: temporaryFolder() }).ended;
    expect(stderr).toMatch(/into .*\n {2}to download: 0\.27 GB; on disk afterwards: 0\.86 GB/);
  });

  test("without a compiler says what to install", async () => {
    const message = await failureOf(["install"], { PATH: temporaryFolder() });
    expect(message).toMatch(/no C\+\+ compiler was found.*apt install g\+\+/);
    expect(await failureOf(["install"], { CXX: "/none" })).toContain("(CXX is /none)");
    expect(installed()).toEqual([]);
  });

  test("without Python, or without pip, says what to install", async () => {
    const bin = temporaryFolder();
    symlinkSync("/bin/true", join(bin, "c++"));
    expect(await failureOf(["install"], { PATH: bin })).toMatch(
      /Python was not found.*apt install python3-pip/,
    );
    // A Python without pip answers its version and fails at the rest.
    writeFileSync(join(bin, "python3"), '#!/bin/sh\n[ "$1" = --version ]\n', { mode: 0o755 });
    expect(await failureOf(["install"], { PATH: bin })).toMatch(
      /python3 has no pip.*apt install python3-pip.*--wheel/,
    );
    expect(installed()).toEqual([]);
  });

  test("of a wheel cut short says so at once, and how to fetch it", async () => {
    const wheel = join(home, "tensorflow.whl");
    writeFileSync(wheel, "PK and no more");
    const message = await failureOf(["install", "--wheel", wheel]);
    expect(message).toMatch(
      /damaged, or another file: 14 bytes, expected 273829956.*pip download .*tensorflow-cpu==2\.21\.0/,
    );
    truncateSync(wheel, 273_829_956); // The right size, and nothing in it.
    expect(await failureOf(["install", "--wheel", wheel])).toMatch(
      /another file: SHA-256 [0-9a-f]{64}; expected/,
    );
    expect(await failureOf(["install", "--wheel", join(home, "none.whl")])).toContain(
      "none.whl: no such file",
    );
  });

  test("on a disk that is too small says how much is needed", async () => {
    if (!mounted("size=1m")) return;
    expect(await failureOf(["install"])).toMatch(
      /too little room on the disk of .*: 1\.1\d GB are needed, 0\.00 GB are free; free some, or set MEDSAM_HOME/,
    );
  });

  test("in a folder that cannot be written says so", async () => {
    // Permissions do not stop the administrator; a disk without writing does.
    if (process.getuid?.() !== 0) chmodSync(home, 0o555);
    else if (!mounted("ro,size=1m")) return;
    expect(await failureOf(["install"])).toMatch(/cannot be written: .*; set MEDSAM_HOME to a folder/);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 130],
  ] as const)("stopped by %s leaves nothing, and nothing running", async (name, status) => {
    const { child, ended, asked } = await startWaiting();
    expect(installed().sort()).toEqual(["install.lock", `partial-${child.pid}`]);
    child.kill(name);
    expect(await ended).toMatchObject({ status, stdout: "" });
    expect((await ended).stderr).toMatch(/medsam: interrupted\n$/);
    await asked; // npm has hung up.
    expect(installed()).toEqual([]);
  });

  test("killed outright leaves no installation, and the next install clears up", async () => {
    const { child, ended } = await startWaiting();
    child.kill("SIGKILL");
    await ended;
    expect(installed()).toHaveLength(2);
    expect((await start(["status"]).ended).stdout).toContain("not installed");
    const again = await startWaiting();
    expect(installed().sort()).toEqual(["install.lock", `partial-${again.child.pid}`]);
    again.child.kill("SIGINT");
    await again.ended;
    expect(installed()).toEqual([]);
  });

  test("two at once: the second says so", async () => {
    const { child, ended } = await startWaiting();
    const message = `another install is running (process ${child.pid}); wait for it`;
    expect(await failureOf(["install"])).toContain(message);
    expect(await failureOf(["remove"])).toContain(message);
    child.kill("SIGINT");
    await ended;
  });

  test("remove and status of nothing", async () => {
    expect(await start(["remove"]).ended).toEqual({
      status: 0,
      stdout: "nothing was installed\n",
      stderr: "",
    });
    expect(await start(["status"]).ended).toEqual({
      status: 0,
      stdout: "not installed; to install it: medsam native install\n",
      stderr: "",
    });
    expect(JSON.parse((await start(["status", "--json"]).ended).stdout)).toEqual([]);
  });
});

test("of processes that want a lock at once, over one that was left, one has it at a time", async () => {
  writeFileSync(join(home, "install.lock"), "999999999");
  const script = `
    import { rmSync, writeFileSync } from "node:fs";
    import { takeLock } from "./dist/backend/native/lock.node.js";
    for (let taken = 0; taken < 20; ) {
      try {
        const unlock = takeLock(process.argv[1] + "/install.lock");
        writeFileSync(process.argv[1] + "/inside", "", { flag: "wx" });
        await new Promise((resolve) => setTimeout(resolve, 1));
        rmSync(process.argv[1] + "/inside");
        unlock();
        taken++;
      } catch (error) {
        if (error.name !== "NativeError") throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    }`;
  const runs = Array.from({ length: 4 }, async () => {
    const args = ["--input-type=module", "-e", script, home];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
    const [status] = (await once(child, "close")) as [number];
    return status;
  });
  expect(await Promise.all(runs)).toEqual([0, 0, 0, 0]);
  expect(readdirSync(home)).toEqual([]);
});

const compiler = spawnSync("c++", ["--version"]).status === 0;
if (!compiler) console.warn("native.test.ts: broken addons are not tried; there is no compiler to make them");

describe.skipIf(!compiler)("an installation that does not work", () => {
  /** Puts an installation there whose addon is this file. */
  function install(addon: (file: string) => void): void {
    process.env["MEDSAM_HOME"] = home;
    const folder = installationFolder("cpu");
    const file = filesOf(folder).addon;
    delete process.env["MEDSAM_HOME"];
    mkdirSync(join(folder, "lib"), { recursive: true });
    writeFileSync(
      join(folder, "manifest.json"),
      JSON.stringify({ variant: "cpu", tensorflow: "2.21.0", tfjsNode: "4.22.0", compiler: "c++", size: 1 }),
    );
    addon(file);
  }

  const compile = (file: string, source: string, ...more: string[]) => {
    writeFileSync(`${file}.c`, source);
    execFileSync("c++", ["-x", "c", "-shared", "-fPIC", `${file}.c`, "-x", "none", "-o", file, ...more]);
  };

  /** What `status` says of it, and `auto` when it goes on to the next backend. */
  async function statusOf(): Promise<string> {
    const { status, stdout } = await start(["status"]).ended;
    expect(status).toBe(1);
    expect(stdout.split("\n")).toHaveLength(3); // The failure, where it lies, and the end.
    return stdout.split("\n")[0];
  }

  /** What `auto` says of the backends that it passes over, and takes. */
  async function auto(options = "{}", env: NodeJS.ProcessEnv = {}) {
    const script = `
      const { useBackend } = await import("./dist/backend/useBackend.node.js");
      const onSkip = (name, reason) => console.log(name, reason);
      console.log(await useBackend("auto", { onSkip, ...${options} }));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      cwd: ROOT,
      env: { ...process.env, MEDSAM_HOME: home, MEDSAM_BACKEND: "", TF_CPP_MIN_LOG_LEVEL: "0", ...env },
    });
    let stdout = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout };
  }

  test("dies: says by what", async () => {
    install((file) =>
      compile(file, "#include <stdlib.h>\n__attribute__((constructor)) static void die(void) { abort(); }"),
    );
    expect(await statusOf()).toMatch(
      /TensorFlow 2\.21\.0, cpu: .* ended with SIGABRT.*medsam native install/,
    );
  });

  test("dies: auto goes on to the next backend and says so, in a process that lives", async () => {
    install((file) =>
      compile(file, "#include <stdlib.h>\n__attribute__((constructor)) static void die(void) { abort(); }"),
    );
    const { status, stdout } = await auto();
    expect(stdout).toMatch(
      /^tensorflow its process died: .* ended with SIGABRT.*native install.*\n(wasm|webgpu)\n$/,
    );
    expect(status).toBe(0);
  });

  test("finds TF32 off and memory growth on when it is loaded, unless the user has set them", async () => {
    const seen = join(home, "seen");
    const source = `
      #include <stdio.h>
      #include <stdlib.h>
      __attribute__((constructor)) static void look(void) {
        FILE* file = fopen("${seen}", "w");
        fprintf(file, "%s %s", getenv("NVIDIA_TF32_OVERRIDE"), getenv("TF_FORCE_GPU_ALLOW_GROWTH"));
        fclose(file);
      }`;
    install((file) => compile(file, source));
    const bare = { NVIDIA_TF32_OVERRIDE: undefined, TF_FORCE_GPU_ALLOW_GROWTH: undefined };
    await auto("{ verify: false }", bare);
    expect(readFileSync(seen, "utf8")).toBe("0 true");
    await auto("{ verify: false, tf32: true }", bare);
    expect(readFileSync(seen, "utf8")).toBe("(null) true");
    await auto("{ verify: false }", { NVIDIA_TF32_OVERRIDE: "1", TF_FORCE_GPU_ALLOW_GROWTH: "false" });
    expect(readFileSync(seen, "utf8")).toBe("1 false");
  });

  test("needs a newer libstdc++: says so", async () => {
    install((file) => {
      const fake = join(home, "libstdc++.so.6");
      const versions = join(home, "versions");
      writeFileSync(versions, "GLIBCXX_3.4.99 { global: later; };\n");
      compile(
        fake,
        "int later(void) { return 1; }",
        `-Wl,--version-script=${versions}`,
        "-Wl,-soname,libstdc++.so.6",
      );
      compile(file, "int later(void);\nint use(void) { return later(); }", fake);
      rmSync(fake);
    });
    expect(await statusOf()).toMatch(/libstdc\+\+ or libc is too old .*GLIBCXX_3\.4\.99.*use a newer system/);
  });

  test("is damaged, or for another processor: says so", async () => {
    install((file) =>
      writeFileSync(file, "not a library, and long enough to be read as if it were one".repeat(9)),
    );
    expect(await statusOf()).toContain("a library is damaged, or for another kind of processor");
  });

  test("lacks a library: says so", async () => {
    install((file) => {
      const missing = join(home, "libmissing.so");
      compile(missing, "int here(void) { return 1; }", "-Wl,-soname,libmissing.so");
      compile(file, "int here(void);\nint use(void) { return here(); }", missing);
      rmSync(missing);
    });
    expect(await statusOf()).toMatch(
      /a library is missing \(tensorflow: libmissing\.so: .*install the system's package/,
    );
  });

  test("auto goes on to the next backend and says so", async () => {
    install((file) => writeFileSync(file, "x"));
    expect((await auto()).stdout).toMatch(
      /^tensorflow the native backend does not load: .*\n(wasm|webgpu)\n$/,
    );
  });
});

/** Makes `home` a disk of its own for one test. @returns false where that is not permitted, having said so. */
function mounted(options: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", home], { stdio: "ignore" });
  } catch {
    console.warn(
      "native.test.ts: a small or read-only disk is not tried: mounting one is not permitted here",
    );
    return false;
  }
  onTestFinished(() => void execFileSync("umount", [home]));
  return true;
}
