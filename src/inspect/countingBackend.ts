import * as tf from "@tensorflow/tfjs";
import { SHAPE_RULES } from "./shapeRules.js";

const NAME = "medsam-counting";

/** What was counted so far. */
export interface Counts {
  multiplyAdds: number;
  /** Bytes of the tensors that exist. */
  bytes: number;
  /** The most that `bytes` was since it was set. */
  peak: number;
  /** While true, products and peaks are not counted. */
  paused: boolean;
}

/** A backend of TensorFlow.js that computes shapes and no values: a whole network takes it no time and no memory. */
class CountingBackend extends tf.KernelBackend {
  readonly counts: Counts = { multiplyAdds: 0, bytes: 0, peak: 0, paused: false };
  private readonly tensors = new Map<object, { bytes: number; references: number }>();

  override write(_values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    return this.allocate(tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype));
  }

  allocate(bytes: number): object {
    const dataId = {};
    this.tensors.set(dataId, { bytes, references: 1 });
    this.counts.bytes += bytes;
    if (!this.counts.paused) this.counts.peak = Math.max(this.counts.peak, this.counts.bytes);
    return dataId;
  }

  /** Another name for the same memory; of a tensor that lives on another backend, one that takes nothing. */
  share(dataId: object): object {
    const own = this.tensors.get(dataId);
    if (own === undefined) return this.allocate(0);
    own.references++;
    return dataId;
  }

  override disposeData(dataId: object, force = false): boolean {
    const tensor = this.tensors.get(dataId);
    if (tensor === undefined) return true;
    tensor.references--;
    if (tensor.references > 0 && !force) return false;
    this.tensors.delete(dataId);
    this.counts.bytes -= tensor.bytes;
    return true;
  }

  override incRef(dataId: object): void {
    this.share(dataId);
  }

  override refCount(dataId: object): number {
    return this.tensors.get(dataId)?.references ?? 0;
  }

  override numDataIds(): number {
    return this.tensors.size;
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override readSync(): never {
    throw new Error(
      "a layer reads a value while it computes, so its shapes cannot be known without running it",
    );
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override dispose(): void {
    this.tensors.clear();
  }
}

let backend: CountingBackend | undefined;

function start(): CountingBackend {
  const started = backend ?? withKernels(new CountingBackend());
  if (tf.findBackend(NAME) === null) tf.registerBackend(NAME, () => started);
  return (backend = started);
}

function withKernels(started: CountingBackend): CountingBackend {
  for (const [kernelName, rule] of SHAPE_RULES)
    tf.registerKernel({
      kernelName,
      backendName: NAME,
      kernelFunc: ({ inputs, attrs }) => {
        const given = Object.values(inputs).filter((x): x is tf.TensorInfo => x !== undefined);
        const shapes = given.map(({ shape }) => shape);
        const { outputs, multiplyAdds = 0, dtype, isView } = rule(shapes, attrs ?? {});
        if (!started.counts.paused) started.counts.multiplyAdds += multiplyAdds;
        const infos = outputs.map((shape): tf.TensorInfo => {
          const type = dtype ?? given[0].dtype;
          const dataId = isView ? started.share(given[0].dataId) : started.write([], [...shape], type);
          return { dataId, shape: [...shape], dtype: type };
        });
        return infos.length === 1 && kernelName !== "Unpack" && kernelName !== "SplitV" ? infos[0] : infos;
      },
    });
  return started;
}

/**
 * Runs `body` on a backend that computes shapes alone, and then goes back to the one in use. Tensors of that one may be
 * used in it; those that are made in it have no values and must not outlive it.
 */
export function whileCounting<T>(body: (counts: Counts) => T): T {
  const { counts } = start();
  const before = tf.getBackend() as string | null | undefined;
  void tf.setBackend(NAME); // it is there at once: its factory waits for nothing
  try {
    return body(counts);
  } finally {
    // Where none was in use, none is afterwards.
    if (typeof before === "string") void tf.setBackend(before);
    else tf.removeBackend(NAME);
  }
}
