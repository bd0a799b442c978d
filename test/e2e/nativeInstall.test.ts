import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { filesOf, findInstallation, installationFolder } from "../../src/backend/native/home.node.js";
import { MAIN, ROOT, temporaryFolder } from "./medsam.js";

// A native library that is there, or is installed for this: 274 MB to fetch. So only where it is asked for.
const wanted = process.env.MEDSAM_TEST_NATIVE === "1";
if (!wanted)
  console.warn(
    "nativeInstall.test.ts: skipped; set MEDSAM_TEST_NATIVE=1 to install and use the native library",
  );

/** An environment in which nothing says what TensorFlow should do. */
const ENV = { ...process.env };
for (const name of ["MEDSAM_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "NVIDIA_TF32_OVERRIDE"]) delete ENV[name];

function native(args: readonly string[], home = ENV.MEDSAM_HOME) {
  const env = { ...ENV, MEDSAM_HOME: home };
  return spawnSync(process.execPath, [MAIN, "native", ...args], { env, encoding: "utf8" });
}

/** Runs a program in the project's folder, or in another. */
function script(source: string, { home = ENV.MEDSAM_HOME, cwd = ROOT } = {}) {
  const env = { ...ENV, MEDSAM_HOME: home };
  return spawnSync(process.execPath, ["--input-type=module", "-e", source], { cwd, env, encoding: "utf8" });
}

/** How often TensorBoard's file has each tag. Its records: length (8 bytes), checksum (4), event, checksum (4). */
function tagsOf(file: Buffer): Record<string, number> {
  const tags: Record<string, number> = {};
  for (let at = 0, length; at < file.length; at += length + 16) {
    length = Number(file.readBigUInt64LE(at));
    const tag = /(?:train|validation)\/\w+/.exec(file.toString("latin1", at + 12, at + 12 + length))?.[0];
    if (tag !== undefined) tags[tag] = (tags[tag] ?? 0) + 1;
  }
  return tags;
}

const USE = JSON.stringify(join(ROOT, "dist", "backend", "useBackend.node.js"));

describe.skipIf(!wanted)("the native library", () => {
  beforeAll(() => {
    if (findInstallation("cpu") === undefined) expect(native(["install"])).toMatchObject({ status: 0 });
  }, 600_000);

  test("says its versions, its size, and what it found", () => {
    const { status, stdout, stderr } = native(["status"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^TensorFlow 2\.21\.0, tfjs-node 4\.22\.0, \d\.\d\d GB on disk\n/m);
    expect(stdout).toMatch(/CPU: \d+ threads( \([A-Z0-9_, ]+\))?\n {2}self-test passed; \d+ GFLOP\/s/);
    expect(JSON.parse(native(["status", "--json"]).stdout)).toMatchObject([
      { check: { tensorflow: "2.21.0" } },
    ]);
  });

  test("shares TensorFlow.js with the project, has gradients, and prints nothing", () => {
    const { stdout, stderr } = script(`
      import * as tf from "@tensorflow/tfjs";
      import { Variable, engine } from "@tensorflow/tfjs-core";
      const { useBackend } = await import(${USE});
      console.log(await useBackend("tensorflow"), tf.getBackend(), tf.engine() === engine());
      const x = tf.variable(tf.tensor2d([[1, 2], [3, 4]]));
      const optimizer = tf.train.adam(0.1);
      const loss = () => tf.matMul(x, x).square().mean();
      const before = loss().dataSync()[0];
      for (let n = 0; n < 20; n++) optimizer.minimize(loss);
      console.log(x instanceof Variable, loss().dataSync()[0] < before / 2);
      const k = tf.grad((w) => tf.conv2d(tf.ones([1, 4, 4, 1]), w, 1, "valid").sum())(tf.ones([2, 2, 1, 1]));
      console.log([...k.dataSync()].join(), [...tf.topk(tf.tensor1d([1, 3, 2]), 2).values.dataSync()].join());
      console.log(process.env.NVIDIA_TF32_OVERRIDE, process.env.TF_FORCE_GPU_ALLOW_GROWTH);`);
    expect(stderr).toBe("");
    expect(stdout).toBe(
      "tensorflow tensorflow true\\ntrue true\\n9,9,9,9 3,2\\n0 true\\n".replaceAll("\\n", "\n"),
    );
  });

  test("leaves what the user has set", () => {
    const { stdout } = script(`
      process.env.NVIDIA_TF32_OVERRIDE = "1";
      const { useBackend } = await import(${USE});
      await useBackend("tensorflow");
      console.log(process.env.NVIDIA_TF32_OVERRIDE);`);
    expect(stdout).toBe("1\n");
  });

  test("says what to lower when memory runs out, and goes on", () => {
    const { stdout, stderr } = script(`
      import * as tf from "@tensorflow/tfjs";
      const { useBackend } = await import(${USE});
      await useBackend("tensorflow");
      try {
        tf.tidy(() => void tf.ones([2 ** 18, 1]).matMul(tf.ones([1, 2 ** 18])));
      } catch ({ name, message }) {
        console.log(name, message);
      }
      console.log(tf.ones([2]).sum().dataSync()[0]);`);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^OutOfMemoryError out of memory: no room for a tensor of 262144 x 262144 numbers\. Lower .*\n2\n$/,
    );
  });

  test("uses TF32 where that is asked for in time, and only there", () => {
    const asked = `
      const { useBackend } = await import(${USE});
      await useBackend("tensorflow", { tf32: true });
      console.log(process.env.NVIDIA_TF32_OVERRIDE);`;
    expect(script(asked).stdout).toBe("undefined\n");
    const late = script(
      asked.replace("await useBackend(", 'await useBackend("tensorflow"); await useBackend('),
    );
    expect(late.stderr).toContain("TensorFlow is loaded, without TF32, and reads this once");
  });

  test("writes the numbers of a training for TensorBoard too, and leaves no tensor behind", () => {
    const folder = temporaryFolder();
    const index = JSON.stringify(join(ROOT, "dist", "index.js"));
    execFileSync(process.execPath, [MAIN, "synthesize", "--out", join(folder, "rings"), "--count", "4", "--size", "64"]); // prettier-ignore
    const { stdout, stderr } = script(`
      import * as tf from "@tensorflow/tfjs";
      const { finetuneInFolder, loadMedSam, openData, useBackend } = await import(${index});
      await useBackend("tensorflow");
      const model = await loadMedSam();
      const data = await openData(${JSON.stringify(join(folder, "rings"))}, { validation: 0.25 });
      const options = { model, data: data.train, validation: data.validation, train: "decoder", validateEvery: 2 };
      const before = tf.memory().numTensors;
      await finetuneInFolder({ ...options, steps: 4, out: ${JSON.stringify(join(folder, "run"))} });
      console.log(tf.memory().numTensors - before);
      await data.close();`);
    expect(stderr).toBe("");
    expect(stdout).toBe("0\n");
    const [name] = readdirSync(join(folder, "run")).filter((file) => file.startsWith("events.out.tfevents."));
    expect(tagsOf(readFileSync(join(folder, "run", name)))).toEqual({
      "train/loss": 4,
      "train/gradient_norm": 4,
      "train/learning_rate": 4,
      "validation/dice": 3,
    });
  });

  test("a disk that takes no more of TensorBoard's file ends no training", () => {
    const folder = temporaryFolder();
    const source = `
      const { useBackend } = await import(${USE});
      const { EventFile } = await import(${JSON.stringify(join(ROOT, "dist", "train", "eventFile.node.js"))});
      await useBackend("tensorflow", { verify: false });
      const events = EventFile.open(${JSON.stringify(folder)});
      for (let step = 0; step < 2000; step++) events.add(step, { "train/loss": step });
      events.close();
      console.log("goes on");`;
    const limited = `trap '' XFSZ; ulimit -f 8; exec "$0" "$@"`;
    const run = spawnSync("bash", ["-c", limited, process.execPath, "--input-type=module", "-e", source], { cwd: ROOT, env: ENV, encoding: "utf8" }); // prettier-ignore
    expect([run.stdout, run.stderr]).toEqual(["goes on\n", ""]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  describe("a copy of it", () => {
    // Beside the original, so that large files can be linked instead of copied.
    let home = "";
    const original = wanted ? installationFolder("cpu") : "";
    const folder = () => original.replace(dirname(dirname(original)), home);
    beforeAll(() => {
      home = mkdtempSync(join(dirname(dirname(original)), "test-"));
      execFileSync("cp", ["-al", original, (mkdirSync(join(home, "native")), folder())]);
    });
    afterAll(() => {
      if (home !== "") rmSync(home, { recursive: true, force: true });
    });

    test("works where it has been moved to", () => {
      expect(native(["status"], home)).toMatchObject({ status: 0 });
    });

    test("with a damaged library is refused in one line, and auto goes on", () => {
      const library = join(folder(), "tensorflow", "libtensorflow_framework.so.2");
      const refusal =
        /^TensorFlow 2\.21\.0, cpu: the native backend does not load: a library is damaged.*\n {2}in /;
      rmSync(library); // A link: the original stays.
      cpSync(filesOf(folder()).addon, library);
      truncateSync(library, 5000); // Its process dies.
      expect(native(["status"], home)).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(refusal) as string,
      });
      writeFileSync(library, "no library at all".repeat(99)); // It does not load.
      expect(native(["status"], home)).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(refusal) as string,
      });
      const skipped = script(
        `const { useBackend } = await import(${USE});
         console.log(await useBackend("auto", { onSkip: (name, reason) => console.log(name, reason) }));`,
        { home },
      );
      expect(skipped.stdout).toMatch(
        /^tensorflow the native backend does not load: .*\n(webgpu .*\n)?(wasm|webgpu)\n$/,
      );
    });

    test("is removed", () => {
      expect(native(["remove"], home)).toMatchObject({ status: 0, stdout: "removed: cpu\n" });
      expect(native(["status"], home).stdout).toContain("not installed");
      expect(native(["status"]).status).toBe(0); // The original is as it was.
    });
  });

  test(
    "with a compiler that fails, or makes nothing that starts: says so and leaves nothing",
    { timeout: 600_000 },
    () => {
      const compiler = join(temporaryFolder(), "c++");
      const home = temporaryFolder();
      const install = (body: string) => {
        const text = `#!/bin/sh\n[ "$1" = --version ] && echo "sham 1.0" && exit 0\n${body}\n`;
        writeFileSync(compiler, text, { mode: 0o755 });
        const env = { ...ENV, MEDSAM_HOME: home, CXX: compiler };
        const { status, stderr } = spawnSync(process.execPath, [MAIN, "native", "install"], {
          env,
          encoding: "utf8",
        });
        expect(status).toBe(1);
        expect(native(["status"], home).stdout).toContain("not installed");
        expect(readdirSync(join(home, "native"))).toEqual([]);
        return stderr.trim().split("\n").at(-1);
      };
      expect(install('echo "a.cc:1: error: no such thing" >&2; exit 1')).toMatch(
        /^medsam: sham 1\.0 could not compile the addon: .*no such thing.*CXX=/,
      );
      expect(install('for out; do :; done; echo nothing > "$out"')).toMatch(
        /^medsam: .*the native backend does not load/,
      );
    },
  );

  test("of a tfjs-node that the project has is used as it is", () => {
    // The released package with its addon put where its install script would have put one.
    const project = mkdtempSync(join(tmpdir(), "medsam-upstream-"));
    onTestFinished(() => rmSync(project, { recursive: true, force: true }));
    writeFileSync(join(project, "package.json"), "{}");
    const quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    execFileSync("npm", ["install", ...quiet, "--prefer-offline", "@tensorflow/tfjs-node@4.22.0"], {
      cwd: project,
    });
    const lib = join(project, "node_modules", "@tensorflow", "tfjs-node", "lib");
    const home = temporaryFolder();
    const use = `
      import { createRequire } from "node:module";
      const { useBackend } = await import(${USE});
      const tf = createRequire(process.cwd() + "/")("@tensorflow/tfjs-node");
      console.log(await useBackend("tensorflow"), tf.getBackend(), tf.ones([2]).sum().dataSync()[0]);`;
    const without = script(use.replace(/const tf = .*\n/, "").replace(/, tf\..*/, ");"), {
      home,
      cwd: project,
    });
    expect(without.stderr).toMatch(/BackendError: tensorflow: .*tfjs_binding\.node.*medsam native install/);

    const installation = installationFolder("cpu");
    mkdirSync(join(lib, "napi-v8"), { recursive: true });
    cpSync(filesOf(installation).addon, join(lib, "napi-v8", "tfjs_binding.node"));
    symlinkSync(join(installation, "tensorflow"), join(lib, "tensorflow")); // Where the addon looks.
    const { stdout } = script(use, { home, cwd: project });
    expect(stdout).toContain("tensorflow tensorflow 2\n");
  }, 300_000);
});
