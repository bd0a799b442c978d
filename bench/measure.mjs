import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VIT_B } from "../dist/index.js";
import { Contestant } from "./contestant.mjs";
import { ROOT } from "./prepare.mjs";
import { encoderProducts, largestDifference, median } from "./statistics.mjs";

/** Outputs may differ by rounding alone, as a share of the largest value. */
const MOST_DIFFERENCE = 1e-4;

const NATIVE = ["ours", "onnxruntime", "torch-eager", "onnxruntime-node", "torch-sdpa"];
const WASM = ["ours-2", "onnxruntime-web-2", "ours-1"];
const BOXES = [1, 16, 100];

/** `count` boxes spread over the image. */
function boxes(count) {
  return Array.from({ length: count }, (_, n) => {
    const [x, y] = [(n * 67) % 700, (n * 151) % 700];
    return [x, y, x + 100 + ((n * 31) % 200), y + 120 + ((n * 17) % 180)];
  });
}

function floats(path) {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** Lists of seconds by keys, from which medians are taken. */
class Samples {
  lists = new Map();
  add(value, ...keys) {
    const key = keys.join("/");
    this.lists.set(key, [...(this.lists.get(key) ?? []), value]);
  }
  /** The medians as nested objects. */
  medians() {
    const out = {};
    for (const [key, values] of this.lists) {
      const names = key.split("/");
      const last = names.pop();
      const place = names.reduce((at, name) => (at[name] ??= {}), out);
      place[last] = median(values);
    }
    return out;
  }
}

/**
 * Runs every contestant in turn, some rounds long, each in a fresh process that works alone, and compares outputs.
 *
 * @param quick one round of fewer calls.
 * @returns figures in seconds and bytes, versions, and the contestants that are absent.
 */
export async function measure({ commands, absent, pixels, safetensors }, { quick, say }) {
  const folder = mkdtempSync(join(tmpdir(), "medsam-bench-"));
  const samples = new Samples();
  const versions = {};
  const memory = {};
  const differences = {};
  const embedding = join(folder, "embedding.f32");
  let haveEmbedding = false;

  /** Checks an output against the first contestant's, which becomes the reference. */
  const compare = (name, path, reference) => {
    const difference = largestDifference(floats(path), floats(reference));
    differences[name] = Math.max(differences[name] ?? 0, difference);
    if (!(difference <= MOST_DIFFERENCE))
      throw new Error(
        `${name} computes something else: its output departs by ${difference} of the largest value`,
      );
  };

  async function encoder(name, figure, later, extra) {
    if (absent.has(name.replace(/-2$/, ""))) return;
    say(`${figure}: ${name}`);
    const begin = performance.now();
    const contestant = new Contestant(name, commands[name]);
    try {
      const { version, load, runtime } = await contestant.ready();
      versions[name] = version;
      samples.add(load, "load", name);
      if (runtime !== undefined) samples.add(runtime, "runtime", name);
      samples.add(contestant.peakMemory(), "loadPeak", name);
      const path = join(folder, `${name}.f32`);
      const first = await contestant.ask({ op: "encode", pixels, save: path });
      samples.add(first.seconds, "first", name);
      if (haveEmbedding) compare(name, path, embedding);
      for (let n = 0; n < later; n++)
        samples.add((await contestant.ask({ op: "encode", pixels })).seconds, figure, name);
      if (later === 0) samples.add(first.seconds, figure, name);
      memory[name] = Math.max(memory[name] ?? 0, contestant.peakMemory());
      await extra?.(contestant, begin);
    } catch (error) {
      if (error.message.includes("computes something else")) throw error;
      absent.set(name, error.message);
      say(`${name} is left out: ${error.message}`);
    } finally {
      contestant.close();
    }
  }

  /** Decoders get the same embedding, the one of PyTorch. */
  async function decoder(contestant) {
    for (const count of BOXES) {
      const path = join(folder, `${contestant.name}-${count}.f32`);
      const task = { op: "decode", embedding, boxes: boxes(count) };
      await contestant.ask({ ...task, save: path });
      const reference = join(folder, `torch-eager-${count}.f32`);
      if (contestant.name !== "torch-eager") compare(`${contestant.name}, ${count} boxes`, path, reference);
      for (let n = 0; n < (quick || count === 100 ? 1 : 3); n++)
        samples.add((await contestant.ask(task)).seconds, "decode", String(count), contestant.name);
    }
  }

  try {
    // The reference of all others, once.
    say("the reference");
    const reference = new Contestant("torch-eager", commands["torch-eager"]);
    await reference.ready();
    await reference.ask({ op: "encode", pixels, save: embedding });
    await decoder(reference);
    reference.close();
    haveEmbedding = true;
    samples.lists.clear();

    const products = encoderProducts(VIT_B);
    const limit = (key) => async (contestant) => {
      const { seconds } = await contestant.ask({ op: "gemm", times: key === "native" ? 12 : 3, products });
      samples.add(seconds, "gemmSeconds", key);
    };
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      for (const name of NATIVE)
        await encoder(name, "encode", quick ? 1 : 2, async (contestant) => {
          if (name === "ours") await limit("native")(contestant);
          if (name === "ours" || name === "torch-eager") await decoder(contestant);
        });
      const command = [
        "dist/cli/main.js",
        "segment",
        "examples/sample/sample.png",
        "--box",
        "114,205,186,275",
      ];
      const whole = (key, args, env) => {
        say(`whole command: ${key}`);
        const begin = performance.now();
        const { status } = spawnSync(args[0], args.slice(1), {
          cwd: ROOT,
          stdio: "ignore",
          env: { ...process.env, ...env },
        });
        if (status === 0) samples.add((performance.now() - begin) / 1000, "command", key);
      };
      const out = ["--out", join(folder, "out")];
      whole("segment, ViT-B, native", [
        process.execPath,
        ...command,
        ...out,
        "--checkpoint",
        safetensors,
        "--backend",
        "tensorflow",
      ]);
      whole("npm start", ["npm", "start", "--silent"]);
    }
    for (let round = 0; round < (quick ? 1 : 2); round++)
      for (const name of WASM)
        await encoder(
          name,
          "encodeWasm",
          quick ? 0 : 1,
          name.startsWith("ours") ? limit(name.replace("ours", "wasm")) : undefined,
        );

    const figures = { ...samples.medians(), memory };
    figures.memory["ours-wasm-2"] = memory["ours-2"];
    figures.start = figures.command?.["npm start"];
    if (figures.runtime?.ours !== undefined)
      figures.loadPeak.fileAndRuntime = figures.runtime.ours + statSync(safetensors).size;
    return { figures, versions, differences, absent: Object.fromEntries(absent) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
