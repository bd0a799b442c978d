/** What TensorFlow says of a computer in the log of its start. */
export interface StartLog {
  /** Instruction sets beyond the common ones that it uses, such as AVX2. */
  readonly instructions: readonly string[];
  /** The GPU in use. */
  readonly gpu?: string;
  /** Why no GPU is used, where TensorFlow looked for one. */
  readonly whyNoGpu?: string;
}

/** Reasons, by what TensorFlow or CUDA writes; the first that fits counts. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /driver version is insufficient|INSUFFICIENT_DRIVER|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|CUDA_ERROR_INVALID_IMAGE/i,
    "the NVIDIA driver is too old for CUDA 12, update it to 525 or newer: running on CPU",
  ],
  [/CUDA_ERROR_NO_DEVICE|no CUDA-capable device/i, "no NVIDIA GPU: running on CPU"],
  [/UNKNOWN ERROR \(303\)|could not find cuda drivers|libcuda\.so/i, "no NVIDIA driver: running on CPU"],
  [/Cannot dlopen some GPU libraries/i, "a CUDA library does not load: running on CPU"],
  [/failed call to cuInit: (.*)/, "CUDA does not start ($1): running on CPU"],
];

/** Reads the log that TensorFlow writes with TF_CPP_MIN_LOG_LEVEL=0. */
export function readStartLog(log: string): StartLog {
  const instructions = /following instructions: ([A-Z0-9_ ]+)/.exec(log)?.[1].trim().split(" ") ?? [];
  const gpu = /Created device .*GPU.*? name: ([^,]+).*compute capability: ([\d.]+)/.exec(log);
  if (gpu !== null) return { instructions, gpu: `${gpu[1]}, compute capability ${gpu[2]}` };
  for (const [pattern, reason] of REASONS) {
    const found = pattern.exec(log);
    if (found !== null) return { instructions, whyNoGpu: reason.replace("$1", found[1]) };
  }
  return { instructions };
}
