import { parentPort, workerData } from "node:worker_threads";
import type { TrainingCase } from "../cases.js";
import { isAboutFile, type CaseFile, type Examined } from "./caseFile.js";
import { CaseReader, type ReadOptions } from "./caseReader.node.js";

/** What a worker is asked. */
export interface CaseJob {
  readonly number: number;
  readonly what: "examine" | "read";
  readonly file: CaseFile;
}

/** What it answers: the cases or the case asked for, or why there are none. */
export interface CaseAnswer {
  readonly number: number;
  readonly value?: Examined | TrainingCase;
  readonly error?: string;
}

const reader = new CaseReader(workerData as ReadOptions);
// One at a time: two slices of a volume read it once.
let last: Promise<void> = Promise.resolve();
parentPort?.on("message", (job: CaseJob) => {
  last = last.then(() => answer(job));
});

async function answer({ number, what, file }: CaseJob): Promise<void> {
  try {
    const value = await reader[what](file);
    parentPort?.postMessage({ number, value } satisfies CaseAnswer);
  } catch (error) {
    if (!isAboutFile(error)) throw error;
    parentPort?.postMessage({ number, error: error.message } satisfies CaseAnswer);
  }
}
