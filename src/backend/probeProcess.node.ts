import * as tf from "@tensorflow/tfjs";
import { runSelfTest } from "./selfTest.node.js";
import { describeDevice } from "./device.node.js";
import type { BackendName } from "./startBackend.js";
import { useBackend } from "./useBackend.node.js";
import type { Probe } from "./doctor.node.js";

// Runs as a process of its own: starts the backend named in the argument, tests it, prints one line.

const name = process.argv[2] as BackendName;
let probe: Probe;
try {
  // Not verified here: a backend that computes wrong numbers is to be shown with them.
  await useBackend(name, { verify: false });
  const rows = await runSelfTest();
  const start = performance.now();
  await runSelfTest();
  probe = {
    name,
    version: tf.version["tfjs-core"],
    device: await describeDevice(name),
    rows,
    milliseconds: performance.now() - start,
    memory: process.resourceUsage().maxRSS * 1024,
  };
} catch (error) {
  probe = { name, reason: error instanceof Error ? error.message : String(error) };
}
process.stdout.write(`MEDSAM-PROBE ${JSON.stringify(probe)}\n`);
process.exit(0);
