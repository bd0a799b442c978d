import { expect, test } from "vitest";
import { explain } from "../../../../src/backend/native/explain.node.js";
import { readStartLog } from "../../../../src/backend/native/startLog.js";

const FEATURES = `I0000 00:00:1795446284.259582   29953 cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use available CPU instructions in performance-critical operations.
To enable the following instructions: AVX2 AVX512F AVX512_VNNI FMA, in other operations, rebuild TensorFlow with the appropriate compiler flags.
`;
const CU_INIT = "E0000 00:00:1795447402.206885   14051 cuda_platform.cc:52] failed call to cuInit: ";

test("finds the instruction sets", () => {
  expect(readStartLog(FEATURES)).toEqual({ instructions: ["AVX2", "AVX512F", "AVX512_VNNI", "FMA"] });
  expect(readStartLog("")).toEqual({ instructions: [] });
});

// The first is what TensorFlow 2.21 writes here; the others are put together from its and CUDA's sources.
test.each([
  [`${CU_INIT}INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)`, "no NVIDIA driver"],
  [
    `${CU_INIT}INTERNAL: CUDA error: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected`,
    "no NVIDIA GPU",
  ],
  [
    `${CU_INIT}INTERNAL: CUDA driver version is insufficient for CUDA runtime version`,
    "the NVIDIA driver is too old for CUDA 12, update it to 525 or newer",
  ],
  [
    `${CU_INIT}INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has unsupported display driver / cuda driver combination`,
    "the NVIDIA driver is too old for CUDA 12, update it to 525 or newer",
  ],
  [`${CU_INIT}INTERNAL: out of luck`, "CUDA does not start (INTERNAL: out of luck)"],
  ["W0000 gpu_device.cc:2] Cannot dlopen some GPU libraries.", "a CUDA library does not load"],
])("says why there is no GPU: %s", (line, reason) => {
  expect(readStartLog(FEATURES + line)).toMatchObject({ whyNoGpu: `${reason}: running on CPU` });
});

test("names the GPU", () => {
  const line =
    "I0000 gpu_device.cc:2020] Created device /job:localhost/replica:0/task:0/device:GPU:0 with 77775 MB memory:  -> device: 0, name: NVIDIA H100 80GB HBM3, pci bus id: 0000:04:00.0, compute capability: 9.0";
  expect(readStartLog(line)).toEqual({
    instructions: [],
    gpu: "NVIDIA H100 80GB HBM3, compute capability 9.0",
  });
});

test.each([
  ["/x/a.node: /lib/libstdc++.so.6: version `GLIBCXX_3.4.99' not found", "libstdc++ or libc is too old"],
  ["/x/liba.so: invalid ELF header", "a library is damaged, or for another kind of processor"],
  ["node ended with SIGBUS: ", "a library is damaged"],
  ["libz.so.1: cannot open shared object file: No such file or directory", "install the system's package"],
  ["node ended with SIGILL: ", "lacks instructions"],
  ["anything\nelse", "does not work here: anything; to repair it: medsam native install"],
])("explains in one line: %s", (message, part) => {
  const explained = explain(new Error(message));
  expect(explained).toContain(part);
  expect(explained).toContain(message.split("\n")[0]);
  expect(explained).not.toContain("\n");
});
