import type * as tf from "@tensorflow/tfjs";

/** For calls that may take long. */
export interface LongCall {
  /** Stops the call at its next step; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told the share done, in (0, 1]. */
  readonly onProgress?: (share: number) => void;
}

/** Drives the encoder's steps, giving the event loop a turn between them. */
export async function runSteps(
  steps: Generator<number, tf.Tensor>,
  { signal, onProgress }: LongCall,
): Promise<tf.Tensor> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = steps.next();
      if (step.done) return step.value;
      onProgress?.(step.value);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } finally {
    // Frees the activation when the loop was left early; nothing to do when it ended.
    steps.return(undefined as never);
  }
}
