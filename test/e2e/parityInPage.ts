import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { useBackend } from "../../src/backend/useBackend.js";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { bytesSource } from "../../src/weights/byteSource.js";
import { openCheckpoint } from "../../src/weights/open.js";
import { forwardLayer, forwardModel, forwardPredictor, loadLayer, loadModel } from "../parity/cases.js";
import { forwardFrame, forwardVideo, loadSam2 } from "../parity/sam2Cases.js";
import { fixtureOf, type Fixture } from "../parity/tensors.js";

// Runs in a page: computes what a fixture holds. Node compares, with the code that compares everywhere.

export { oracleNumbers } from "../parity/sam2Oracle.js";
export { trainDecoder } from "./decoderTraining.js";

/** Tensors as they travel to Node: single-precision values in base64. */
export type Sent = readonly {
  readonly name: string;
  readonly shape: readonly number[];
  readonly base64: string;
}[];

export async function start(backend: "webgpu" | "webgl" | "wasm" | "cpu", wasm: string): Promise<void> {
  setWasmPaths(wasm);
  await useBackend(backend, { softwareGpu: true });
}

/** @returns the tensors, and of a predictor how many pixels of its masks differ. */
export async function compute(
  kind: "layer" | "model" | "predictor" | "sam2",
  name: string,
  address: string,
): Promise<{ tensors: Sent; differ: number }> {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  const fixture = fixtureOf(openCheckpoint(bytesSource(bytes, name)));
  if (kind === "predictor") {
    const { tensors, differ } = await forwardPredictor(name, fixture);
    return { tensors: send(tensors), differ };
  }
  if (kind === "sam2") return { tensors: send(await forwardSam2(fixture)), differ: 0 };
  const tensors = await (kind === "layer"
    ? forwardLayer(loadLayer(fixture))
    : forwardModel(loadModel(fixture)));
  return { tensors: send(tensors), differ: 0 };
}

/** A conversation with the video predictor, or a frame with everything inside. */
async function forwardSam2(fixture: Fixture): Promise<Map<string, TracedTensor>> {
  if ("steps" in fixture.case) return forwardVideo(fixture);
  const model = loadSam2(fixture);
  const tensors = await forwardFrame(model, fixture);
  model.dispose();
  return tensors;
}

function send(tensors: ReadonlyMap<string, TracedTensor>): Sent {
  return [...tensors].map(([name, { shape, values }]) => {
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { name, shape, base64: btoa(text) };
  });
}
