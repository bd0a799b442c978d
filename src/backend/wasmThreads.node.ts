import * as tf from "@tensorflow/tfjs";
import { BackendWasm, setThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileFunction } from "node:vm";
import type { Worker } from "node:worker_threads";

/** The parts of the compiled module that are used here. */
interface ThreadedModule {
  cwrap(name: string, returns: "number" | null, takes: readonly "number"[]): unknown;
  readonly PThread: { readonly unusedWorkers: Worker[]; readonly runningWorkers: Worker[] };
  tfjs: unknown;
}

type ThreadedFactory = (options: object) => Promise<ThreadedModule>;

const require = createRequire(import.meta.url);

/**
 * Makes the WASM backend of this process run on several threads. TensorFlow.js switches threads off under Node:
 * its start-up hands blobs to workers, which Node refuses. The same module is started here from files.
 *
 * Call it before the backend is first used.
 */
export function registerThreadedWasm(threads: number): void {
  tf.removeBackend("wasm");
  setThreadsCount(threads);
  tf.registerBackend("wasm", async () => new BackendWasm((await startModule(threads)) as never), 2);
}

async function startModule(threads: number): Promise<ThreadedModule> {
  const folder = join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out");
  const script = join(folder, "tfjs-backend-wasm-threaded-simd.js");
  const worker = fileURLToPath(new URL("./wasmThread.node.cjs", import.meta.url));
  const wasm = await withoutProcessListeners(() =>
    loadFactory(
      script,
      threads,
    )({
      locateFile: (name: string) => (name.endsWith(".worker.js") ? worker : join(folder, name)),
      mainScriptUrlOrBlob: script,
    }),
  );
  // What the package's own start-up binds.
  wasm.tfjs = {
    init: wasm.cwrap("init", null, []),
    initWithThreadsCount: wasm.cwrap("init_with_threads_count", null, ["number"]),
    getThreadsCount: wasm.cwrap("get_threads_count", "number", []),
    registerTensor: wasm.cwrap("register_tensor", null, ["number", "number", "number"]),
    disposeData: wasm.cwrap("dispose_data", null, ["number"]),
    dispose: wasm.cwrap("dispose", null, []),
  };
  // Threads must not keep a script that has ended from exiting; the module counts each one in again when it first
  // gets work, which is waited for synchronously anyway.
  for (const thread of [...wasm.PThread.unusedWorkers, ...wasm.PThread.runningWorkers]) {
    thread.unref();
    thread.ref = () => undefined;
  }
  return wasm;
}

/** The module takes at most half of the cores that it sees: it is shown twice the threads that it shall have. */
function loadFactory(script: string, threads: number): ThreadedFactory {
  const shown = { ...os, cpus: () => new Array<object>(2 * threads).fill({}) };
  const module = { exports: {} as ThreadedFactory };
  const requireShown = (name: string): unknown => (name === "os" ? shown : require(name));
  const run = compileFunction(
    readFileSync(script, "utf8"),
    ["module", "exports", "require", "__dirname", "__filename"],
    { filename: script },
  ) as (...names: unknown[]) => void;
  run(module, module.exports, requireShown, dirname(script), script);
  return module.exports;
}

/** The module's start-up makes every unhandled rejection of the process fatal; that is not ours to decide. */
async function withoutProcessListeners<T>(body: () => Promise<T>): Promise<T> {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => process.listeners(event as "uncaughtException"));
  try {
    return await body();
  } finally {
    for (const [index, event] of events.entries())
      for (const listener of process.listeners(event as "uncaughtException"))
        if (!before[index].includes(listener)) process.removeListener(event, listener);
  }
}
