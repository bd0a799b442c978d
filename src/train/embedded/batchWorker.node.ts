import { parentPort, workerData } from "node:worker_threads";
import { TrainingPictures } from "./pictures.js";
import { embeddedBatch, shapeAt, type BatchShape } from "./samples.js";

/** What a worker is started with. */
export interface BatchJob {
  readonly seed: number;
  /** That the training comes to. */
  readonly shape: BatchShape;
}

// Asked for a step, it answers with that step's batch.
const { seed, shape } = workerData as BatchJob;
const pictures = new TrainingPictures(seed);
parentPort?.on("message", (step: number) => {
  parentPort?.postMessage(embeddedBatch(seed, step, shapeAt(step, shape), pictures));
});
