import { fileURLToPath } from "node:url";
import { explain } from "./native/explain.node.js";
import { run } from "./native/run.node.js";
import type { SelfTestRow } from "./selfTest.js";
import type { BackendName } from "./startBackend.js";

/** A backend that started: what it runs on, and what the self-test saw. */
export interface WorkingBackend {
  readonly name: BackendName;
  /** Of TensorFlow.js. */
  readonly version: string;
  readonly device: string;
  readonly rows: readonly SelfTestRow[];
  /** Building the embedded checkpoint and one pass through it, once warm. */
  readonly milliseconds: number;
  /** Peak of the whole process in bytes. */
  readonly memory: number;
}

/** A backend that is not there, and why. */
export interface AbsentBackend {
  readonly name: BackendName;
  readonly reason: string;
}

export type Probe = WorkingBackend | AbsentBackend;

export const NODE_BACKENDS: readonly BackendName[] = ["tensorflow", "webgpu", "wasm", "cpu"];

/** Tries a backend in a process of its own, so that one that dies takes nothing with it. */
export async function probeBackend(name: BackendName, signal?: AbortSignal): Promise<Probe> {
  const script = fileURLToPath(new URL("./probeProcess.node.js", import.meta.url));
  try {
    // A test needs all digits, whatever speed the user has chosen.
    const env = { ...process.env, NVIDIA_TF32_OVERRIDE: "0" };
    const printed = await run(process.execPath, [script, name], { signal, env });
    const line = /^MEDSAM-PROBE (.*)$/m.exec(printed)?.[1];
    return line === undefined ? { name, reason: "it said nothing" } : (JSON.parse(line) as Probe);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = name === "tensorflow" ? explain(error) : (error as Error).message;
    return { name, reason: `its process died: ${reason}` };
  }
}
