import * as tf from "@tensorflow/tfjs";

/** Memory ran out while tensors were computed: says how much was asked for, of what, and what to lower. */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";
}

/** The part of the native backend through which every operation goes, forward and backward. */
interface NativeBackend {
  binding: { readonly executeOp: (...args: readonly unknown[]) => unknown };
}

/**
 * What TensorFlow's message about memory means, or undefined when it is about something else.
 *
 * @param message such as `OOM when allocating tensor with shape[16,4096] and type float on …/device:GPU:0 by …`.
 */
export function explainOutOfMemory(message: string): string | undefined {
  if (!/OOM when allocating|failed to allocate memory|CUDA_ERROR_OUT_OF_MEMORY/i.test(message))
    return undefined;
  const where = /device:GPU/.test(message) ? "the GPU's memory" : "memory";
  const shape = /shape ?\[([\d,]*)\]/.exec(message)?.[1];
  const what = shape === undefined ? "" : `: no room for a tensor of ${shape.replaceAll(",", " x ")} numbers`;
  const instead = where === "memory" ? "" : ", or compute on the processor: CUDA_VISIBLE_DEVICES=-1";
  return (
    `out of ${where}${what}. Lower the number of images or prompts at once (in training the batch size), ` +
    `take a smaller model, end other programs that hold this memory${instead}`
  );
}

/** Makes the native backend, which is in use, throw OutOfMemoryError where TensorFlow says that memory ran out. */
export function clarifyOutOfMemory(): void {
  const backend = tf.backend() as unknown as NativeBackend;
  const { binding } = backend;
  if (Object.hasOwn(binding, CLARIFIED)) return;
  const executeOp = (...args: readonly unknown[]): unknown => {
    try {
      return binding.executeOp(...args);
    } catch (error) {
      const explained = explainOutOfMemory((error as Error).message);
      throw explained === undefined ? error : new OutOfMemoryError(explained, { cause: error });
    }
  };
  // The addon's own properties cannot be changed.
  backend.binding = Object.create(binding, {
    executeOp: { value: executeOp },
    [CLARIFIED]: { value: true },
  }) as typeof binding;
}

const CLARIFIED = Symbol("clarified");
