/** For calls that may take long. */
export interface LongCall {
  /** Stops the call at its next step; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told the share done, in (0, 1]. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** Drives a computation's steps, which yield the share done, giving the event loop a turn between them. */
export async function runSteps<T>(steps: Generator<number, T>, { signal, onProgress }: LongCall): Promise<T> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = steps.next();
      if (step.done) return step.value;
      onProgress?.(step.value);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } finally {
    // Frees what was computed when the loop was left early; nothing to do when it ended.
    steps.return(undefined as never);
  }
}
