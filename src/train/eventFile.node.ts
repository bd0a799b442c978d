import * as tf from "@tensorflow/tfjs";

/** The part of the native backend of `@tensorflow/tfjs-node` that writes for TensorBoard. */
interface SummaryBackend {
  summaryWriter(folder: string): tf.Tensor;
  createSummaryFileWriter(
    writer: tf.Tensor,
    folder: string,
    queue: number,
    flushMillis: number,
    suffix: string,
  ): void;
  writeScalarSummary(writer: tf.Tensor, step: number, name: string, value: number): void;
  flushSummaryWriter(writer: tf.Tensor): void;
}

const QUEUE = 100;
const FLUSH_MILLIS = 10_000;

/**
 * Numbers of a run as TensorBoard reads them, `events.out.tfevents.*` in the run's folder. TensorFlow's own library writes
 * them, so there are none on the other backends. A run that goes on writes another file, which TensorBoard joins.
 */
export class EventFile {
  private isLost = false;

  private constructor(
    private readonly backend: SummaryBackend,
    private readonly writer: tf.Tensor,
  ) {}

  /** `undefined` where the backend in use has no writer. */
  static open(folder: string): EventFile | undefined {
    if (tf.getBackend() !== "tensorflow") return undefined;
    const backend = tf.backend() as unknown as SummaryBackend;
    const writer = backend.summaryWriter(folder);
    tf.tidy(() => backend.createSummaryFileWriter(writer, folder, QUEUE, FLUSH_MILLIS, ""));
    return new EventFile(backend, writer);
  }

  add(step: number, numbers: Readonly<Record<string, number>>): void {
    this.trying(() => {
      for (const [name, value] of Object.entries(numbers))
        this.backend.writeScalarSummary(this.writer, step, name, value);
    });
  }

  close(): void {
    this.trying(() => this.backend.flushSummaryWriter(this.writer));
    this.writer.dispose();
  }

  /** A disk that takes no more ends this file, not the run: `metrics.jsonl` has the same numbers, and is told of. */
  private trying(write: () => void): void {
    if (this.isLost) return;
    try {
      tf.tidy(write);
    } catch {
      this.isLost = true;
    }
  }
}
