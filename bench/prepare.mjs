import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openCheckpointFile, saveSafetensors, toHuggingFace } from "../dist/index.js";

export const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** Peers and what is made once; never part of the package. */
export const CACHE = join(ROOT, ".cache", "bench");
const NODE_PEERS = ["onnxruntime-node@1.30.0", "onnxruntime-web@1.30.0"];

const contestantFile = (name) => join(ROOT, "bench", "contestants", name);

/** Runs a program to its end, its messages kept for an error. */
function run(program, ...args) {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: ROOT });
}

/** Runs `make` unless `path` is there already; what it makes gets its name at the end. */
function once(path, say, make) {
  if (existsSync(path)) return path;
  console.error(`preparing ${say}`);
  make(path);
  return path;
}

/** What could not be had is left out, with its reason. */
function attempt(absent, names, make) {
  try {
    return make();
  } catch (error) {
    const reason = String(error.stderr ?? error.message)
      .trim()
      .split("\n")
      .at(-1);
    for (const name of names) absent.set(name, reason);
    return undefined;
  }
}

/**
 * Installs the peers and writes weights and inputs, all kept for later runs.
 *
 * @returns paths of the files, programs, and the contestants that cannot take part with their reasons.
 */
export function prepare() {
  mkdirSync(CACHE, { recursive: true });
  const absent = new Map();
  const at = (name) => join(CACHE, name);
  const python = at("venv/bin/python");
  const pythonPeers = ["torch-eager", "torch-sdpa", "onnxruntime"];
  attempt(absent, [...pythonPeers, "onnxruntime-node", "onnxruntime-web"], () =>
    once(at("venv.done"), "a Python with the peers (some minutes)", (done) => {
      run("python3", "-m", "venv", at("venv"));
      const pip = ["-m", "pip", "install", "--quiet"];
      run(python, ...pip, "-r", "tools/convert/requirements.txt", "-r", "bench/requirements.txt");
      run(python, ...pip, "--no-deps", "segment-anything==1.0");
      writeFileSync(done, "");
    }),
  );
  if (absent.size > 0) throw new Error(`the peers' Python cannot be made: ${[...absent.values()][0]}`);
  const pth = once(at("vit_b.pth"), "seeded weights of ViT-B", (path) =>
    run(python, "tools/convert/reference.py", "--seeded-weights", path),
  );
  const safetensors = once(at("vit_b.safetensors"), "the same as safetensors", (path) =>
    run(process.execPath, "dist/cli/main.js", "convert", pth, path),
  );
  const huggingFace = once(at("hf.safetensors"), "the same by transformers' names", (path) => {
    const file = openCheckpointFile(safetensors);
    const tensors = [...file.tensors].map(([name, info]) => ({
      ...info,
      name: toHuggingFace(name),
      bytes: () => file.readBytes(name),
    }));
    saveSafetensors(path, tensors);
    file.close();
  });
  const pixels = once(at("pixels.f32"), "an image", (path) => {
    // A sequence that fills [0, 1) evenly: the same everywhere.
    const values = Float32Array.from({ length: 3 * 1024 * 1024 }, (_, n) => (n * 0.6180339887) % 1);
    writeFileSync(`${path}.tmp`, new Uint8Array(values.buffer));
    renameSync(`${path}.tmp`, path);
  });
  const onnx = attempt(absent, ["onnxruntime", "onnxruntime-node", "onnxruntime-web"], () =>
    once(at("encoder.onnx"), "the exported encoder", (path) =>
      run(python, contestantFile("export_onnx.py"), ROOT, pth, path),
    ),
  );
  attempt(absent, ["onnxruntime-node", "onnxruntime-web"], () =>
    once(at("node.done"), "the peers for Node", (done) => {
      // Without their scripts, which would download libraries for CUDA.
      run(
        "npm",
        "install",
        "--silent",
        "--no-save",
        "--ignore-scripts",
        "--prefix",
        at("node"),
        ...NODE_PEERS,
      );
      writeFileSync(done, "");
    }),
  );
  const ours = (backend, threads) => [
    process.execPath,
    contestantFile("ours.mjs"),
    backend,
    String(threads),
    safetensors,
  ];
  const torch = (kind, weights) => [python, contestantFile("torch_sam.py"), kind, "2", weights, ROOT];
  const node = (name) => [
    process.execPath,
    contestantFile("onnxRuntime.mjs"),
    name,
    "2",
    onnx ?? "",
    at("node"),
  ];
  return {
    absent,
    python,
    pixels,
    pth,
    safetensors,
    commands: {
      ours: ours("tensorflow", 2),
      "torch-eager": torch("eager", pth),
      "torch-sdpa": torch("sdpa", huggingFace),
      onnxruntime: [python, contestantFile("onnx_runtime.py"), "2", onnx ?? ""],
      "onnxruntime-node": node("onnxruntime-node"),
      "onnxruntime-web-2": node("onnxruntime-web"),
      "ours-2": ours("wasm", 2),
      "ours-1": ours("wasm", 1),
    },
  };
}
