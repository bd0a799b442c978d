import { buildSync } from "esbuild";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { readMetrics } from "../../../src/train/metrics.node.js";
import { Random } from "../../../src/train/random.js";
import { finetuneInFolder, RUN_FILES, type RunOptions } from "../../../src/train/run.node.js";
import { onBackend } from "./fixtures.js";
import { rectangles, smallestSam } from "./tinyTraining.js";

const SCRIPT = fileURLToPath(new URL("../../../.cache/trainingProcess.mjs", import.meta.url));

/** The script as one file that plain Node runs. */
function trainingScript(): string {
  buildSync({
    entryPoints: [fileURLToPath(new URL("./trainingProcess.ts", import.meta.url))],
    outfile: SCRIPT,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "error",
  });
  return SCRIPT;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-run-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Trains in a folder until it has made so many steps and a while more, then kills; 0 lets it end. */
function train(out: string, steps: number, wait: number): Promise<number | null> {
  const child = spawn(process.execPath, [SCRIPT, out, steps === 0 ? "0" : "5"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let seen = 0;
  child.stdout.on("data", (text: Buffer) => {
    seen += text.toString().split("\n").length - 1;
    if (steps > 0 && seen >= steps) setTimeout(() => child.kill("SIGKILL"), wait);
  });
  return new Promise((resolve) => child.on("exit", resolve));
}

const bytesOf = (folder: string, name: string) => readFileSync(join(folder, name));

describe("a run in a folder", () => {
  it(
    "killed at five random moments and resumed ends with the same weights, bit for bit",
    { timeout: 300_000 },
    async () => {
      trainingScript();
      const [whole, killed] = [temporaryFolder(), temporaryFolder()];
      expect(await train(whole, 0, 0)).toBe(0);
      const random = new Random(Date.now());
      for (let kill = 0; kill < 5; kill++) {
        const [steps, wait] = [random.integer(2, 4), random.integer(0, 60)];
        expect(await train(killed, steps, wait), `kill ${kill}: after ${steps} steps and ${wait} ms`).toBe(
          null,
        );
      }
      expect(await train(killed, 0, 0)).toBe(0);
      for (const name of [RUN_FILES.last, RUN_FILES.state, RUN_FILES.best])
        expect(bytesOf(killed, name).equals(bytesOf(whole, name)), name).toBe(true);
      const metrics = async (folder: string) =>
        (await readMetrics(join(folder, RUN_FILES.metrics))).map((metric) => ({ ...metric, time: "" }));
      expect(await metrics(killed)).toEqual(await metrics(whole));
      expect(readdirSync(killed).sort()).toEqual(Object.values(RUN_FILES).sort());
    },
  );

  it.skipIf(process.platform === "win32")(
    "keeps the last checkpoint when the disk takes no more",
    async () => {
      trainingScript();
      const out = temporaryFolder();
      await train(out, 4, 0);
      const before = bytesOf(out, RUN_FILES.state);
      // A limit on the size of files is a disk that is full in the middle of one.
      const limited = `trap '' XFSZ; ulimit -f 64; exec "$0" "$@"`;
      const run = spawnSync("bash", ["-c", limited, process.execPath, SCRIPT, out, "0"], {
        encoding: "utf8",
      });
      expect(run.status).toBe(1);
      expect(run.stderr).toMatch(
        /: cannot save \(EFBIG.*\); the checkpoint of step \d+ there is whole\. Make room/,
      );
      expect(bytesOf(out, RUN_FILES.state).equals(before)).toBe(true);
      expect(readdirSync(out).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    },
  );
});

describe("a run's folder", () => {
  onBackend("cpu");

  async function run(out: string, options: Partial<RunOptions> = {}): Promise<unknown> {
    const model = smallestSam();
    try {
      const base = { data: rectangles(5), steps: 2, saveEvery: 1, train: "decoder", out, model } as const;
      return await finetuneInFolder({ ...base, ...options }).catch((error: unknown) => String(error));
    } finally {
      model.dispose();
    }
  }

  it("is not trained in twice, and not resumed with another configuration, which it names", async () => {
    const out = temporaryFolder();
    await run(out, { keepEvery: 2 });
    expect(existsSync(join(out, "step-2.safetensors"))).toBe(true);
    expect(await run(out)).toMatch(/holds a training already; resume it, or choose another folder/);
    expect(await run(out, { resume: true, batch: 3, train: "all", data: rectangles(4), seed: 9 })).toMatch(
      /cannot resume with another configuration \(settings.train: "decoder", now "all"; settings.batch: 2, now 3; settings.seed: 0, now 9; data.cases: 5, now 4; data.ids: /,
    );
    const others = { ...rectangles(5), contents: "other sizes" };
    expect(await run(out, { resume: true, data: others })).toMatch(/\(data.contents: not there, now "/);
    const otherwise = { ...rectangles(5), reading: { objects: "components" } };
    expect(await run(out, { resume: true, data: otherwise })).toMatch(
      /\(data.reading.objects: not there, now "components"\)/,
    );
    // Nor does it matter that configurations did not name their family once.
    const file = join(out, RUN_FILES.configuration);
    writeFileSync(file, readFileSync(file, "utf8").replace(/"(family|type)": "\w+",/g, ""));
    // The learning rate does not depend on the number of steps: more may follow.
    const result = await run(out, { resume: true, steps: 3 });
    expect(result).toMatchObject({ last: { step: 3 } });
    expect((await readMetrics(join(out, RUN_FILES.metrics))).map(({ step }) => step)).toEqual([1, 2, 3]);
  });

  it("begins anew after a start that failed, whose settings bind nobody", async () => {
    const out = temporaryFolder();
    expect(await run(out, { train: { train: ["nothing.*"] } })).toMatch(/matches no trainable parameter/);
    expect(await run(out)).toMatchObject({ last: { step: 2 } });
  });

  it("makes a validation once that a stop took away, whatever came before it counted", async () => {
    const out = temporaryFolder();
    const options = { steps: 4, validateEvery: 2, validation: rectangles(1, 50) };
    const stop = new AbortController();
    const onStep = ({ step }: { step: number }) => void (step === 2 && stop.abort(new Error("enough")));
    expect(await run(out, { ...options, signal: stop.signal, onStep })).toBe("Error: enough");
    // As a kill leaves it after the line was written, and before the state.
    const killed = () => Promise.reject(new Error("killed"));
    expect(await run(out, { ...options, resume: true, onValidation: killed })).toBe("Error: killed");
    await run(out, { ...options, resume: true });
    const lines = await readMetrics(join(out, RUN_FILES.metrics));
    expect(lines.filter((line) => "scores" in line).map(({ step }) => step)).toEqual([0, 2, 4]);
  });

  it("keeps models at the steps that it is asked to, whenever it saves besides", async () => {
    const out = temporaryFolder();
    await run(out, { steps: 7, saveEvery: 4, keepEvery: 3 });
    const kept = readdirSync(out).filter((name) => name.startsWith("step-"));
    expect(kept.sort()).toEqual(["step-3.safetensors", "step-6.safetensors"]);
    expect(await run(temporaryFolder(), { keepEvery: 0 })).toMatch(/keepEvery is 0; expected a whole number/);
  });

  it("says what is broken in it", async () => {
    const out = temporaryFolder();
    await run(out);
    writeFileSync(join(out, RUN_FILES.state), bytesOf(out, RUN_FILES.state).subarray(0, 1000));
    expect(await run(out, { resume: true, steps: 3 })).toMatch(/state\.safetensors/);
    writeFileSync(join(out, RUN_FILES.configuration), "{");
    expect(await run(out, { resume: true })).toMatch(/config\.json: is no JSON/);
  });
});
