import * as tf from "@tensorflow/tfjs";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { probeBackend } from "./doctor.node.js";
import { explain } from "./native/explain.node.js";
import { installedTensorflow } from "./native/home.node.js";
import { assertSelfTest } from "./selfTest.js";
import { verifyOnce } from "./selfTest.node.js";
import { BackendAbsentError, BackendError } from "./startBackend.js";
import {
  findTfjsNode,
  loadTfjsNode,
  registerTensorflow,
  type TensorflowSettings,
} from "./tensorflow.node.js";

/** From TypeScript, as this project's tests run it, there is no script for a process of its own. */
const COMPILED = import.meta.url.endsWith(".js");

/** A native library that is there. */
interface Found {
  /** Files whose change makes it another one. */
  readonly files: readonly string[];
  readonly load: (settings: TensorflowSettings) => void;
}

/**
 * Loads TensorFlow: the installation of `medsam native install`, else a TensorFlow.js for Node that the project has,
 * as it is. One that was not seen to work before is first tried in a process of its own, since a library that dies
 * would take this one with it.
 *
 * @throws BackendAbsentError when there is none; BackendError when it does not work, or computes wrong numbers.
 */
export async function prepareTensorflow({
  verify,
  tf32,
}: TensorflowSettings & { readonly verify: boolean }): Promise<void> {
  if (tf.findBackendFactory("tensorflow") !== null) {
    if (tf32 && process.env["NVIDIA_TF32_OVERRIDE"] === "0")
      throw new BackendError(
        "TensorFlow is loaded, without TF32, and reads this once; ask for tf32 where it is first used",
      );
    return;
  }
  const found = findTensorflow();
  if (found === undefined)
    throw new BackendAbsentError(
      "TensorFlow's native library is not installed; to install it: medsam native install",
    );
  if (verify && COMPILED) await verifyOnce("tensorflow", stampOf(found), tryInProcess);
  try {
    found.load({ tf32 });
  } catch (error) {
    throw new BackendError(explain(error));
  }
}

function findTensorflow(): Found | undefined {
  const installed = installedTensorflow();
  if (installed !== undefined) {
    const libraries = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"].map((name) =>
      join(dirname(dirname(installed.addon)), "tensorflow", name),
    );
    return {
      files: [installed.addon, ...libraries],
      load: (settings) => registerTensorflow(installed, settings),
    };
  }
  const entry = findTfjsNode();
  if (entry === undefined) return undefined;
  const addon = join(dirname(entry), "..", "lib", "napi-v8", "tfjs_binding.node");
  return { files: [entry, addon], load: (settings) => loadTfjsNode(entry, settings) };
}

/** Which library and which driver: the result of a test holds until they change. */
function stampOf({ files }: Found): string {
  const stamps = files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? `no ${file}` : `${file} ${stat.size} ${stat.mtimeMs}`;
  });
  const driver = "/proc/driver/nvidia/version";
  return [...stamps, existsSync(driver) ? readFileSync(driver, "utf8").split("\n")[0] : "no driver"].join(
    ", ",
  );
}

async function tryInProcess(): Promise<void> {
  const probe = await probeBackend("tensorflow");
  if ("reason" in probe) throw new BackendError(probe.reason.replace(/^tensorflow: /, ""));
  assertSelfTest(probe.rows);
}
