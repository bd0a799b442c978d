import { NativeError } from "./nativeError.js";

/** What can be installed. */
export type Variant = "cpu" | "gpu";

/** TensorFlow's release that everything here is made for. */
export const TENSORFLOW_VERSION = "2.21.0";
/** The release of TensorFlow.js that this package uses; its addon's sources come from the same. */
export const TFJS_VERSION = "4.22.0";

/** A published file that an installation is made of. It is pinned: no other bytes are taken. */
export interface Part {
  readonly registry: "pypi" | "npm";
  readonly name: string;
  readonly version: string;
  /** The file's name in the registry. */
  readonly file: string;
  /** Its size. */
  readonly bytes: number;
  /** The size of what is taken from it. */
  readonly unpacked: number;
  readonly sha256: string;
  /** The folder, inside the installation, that it is unpacked into. */
  readonly into: string;
}

function wheel(
  name: string,
  version: string,
  tags: string,
  [bytes, unpacked]: readonly [number, number],
  sha256: string,
): Part {
  const file = `${name.replaceAll("-", "_")}-${version}-${tags}.whl`;
  return { registry: "pypi", name, version, file, bytes, unpacked, sha256, into: "." };
}

function npm(
  name: string,
  version: string,
  into: string,
  [bytes, unpacked]: readonly [number, number],
  sha256: string,
): Part {
  const file = `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
  return { registry: "npm", name, version, file, bytes, unpacked, sha256, into };
}

/**
 * The backend in JavaScript with the sources of its addon, what it imports, and the headers of Node's addons. The
 * package with `-gpu` in its name holds the same sources; only the libraries differ.
 */
const NPM_PARTS: readonly Part[] = [
  npm(
    "@tensorflow/tfjs-node",
    TFJS_VERSION,
    "tfjs-node",
    [228_166, 2_035_252],
    "d38a448a705efc6e655a080f896b3af646ae39dffbfe9c90b06cb9fc3a2b9358",
  ),
  npm(
    "google-protobuf",
    "3.21.4",
    "node_modules/google-protobuf",
    [68_046, 735_383],
    "38299bb1802ce06900ea2e43650aded8393cd6a00012ed97ffc716eeab1e1091",
  ),
  npm(
    "node-api-headers",
    "1.9.0",
    "headers",
    [16_974, 84_106],
    "6cbfac49542194ae2c8f1dee5fa2dc00d66bec9cbf3b59e3a4e5f16d14eb0d19",
  ),
];

/** What TensorFlow's wheel names under its extra `and-cuda`, at the newest releases of CUDA 12. */
const CUDA_PARTS: readonly Part[] = [
  wheel(
    "nvidia-cublas-cu12",
    "12.9.3.13",
    "py3-none-manylinux_2_27_x86_64",
    [581_217_458, 855_064_416],
    "d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72",
  ),
  wheel(
    "nvidia-cuda-cupti-cu12",
    "12.9.79",
    "py3-none-manylinux_2_25_x86_64",
    [10_814_997, 43_365_768],
    "096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f",
  ),
  wheel(
    "nvidia-cuda-nvcc-cu12",
    "12.9.86",
    "py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64",
    [40_546_229, 35_417_224],
    "5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0",
  ),
  wheel(
    "nvidia-cuda-nvrtc-cu12",
    "12.9.86",
    "py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64",
    [89_568_129, 227_340_992],
    "210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4",
  ),
  wheel(
    "nvidia-cuda-runtime-cu12",
    "12.9.79",
    "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
    [3_493_179, 741_088],
    "25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3",
  ),
  wheel(
    "nvidia-cudnn-cu12",
    "9.28.0.42",
    "py3-none-manylinux_2_27_x86_64",
    [716_538_495, 1_162_393_472],
    "9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375",
  ),
  wheel(
    "nvidia-cufft-cu12",
    "11.4.1.4",
    "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
    [200_877_592, 293_609_416],
    "c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28",
  ),
  wheel(
    "nvidia-curand-cu12",
    "10.3.10.19",
    "py3-none-manylinux_2_27_x86_64",
    [68_295_626, 166_965_432],
    "49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e",
  ),
  wheel(
    "nvidia-cusolver-cu12",
    "11.7.5.82",
    "py3-none-manylinux_2_27_x86_64",
    [338_117_415, 494_975_064],
    "15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88",
  ),
  wheel(
    "nvidia-cusparse-cu12",
    "12.5.10.65",
    "py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64",
    [366_465_088, 486_556_368],
    "73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78",
  ),
  wheel(
    "nvidia-nccl-cu12",
    "2.32.3",
    "py3-none-manylinux_2_27_x86_64",
    [351_526_311, 473_614_536],
    "bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c",
  ),
  wheel(
    "nvidia-nvjitlink-cu12",
    "12.9.86",
    "py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64",
    [39_748_338, 95_935_344],
    "e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9",
  ),
];

/**
 * TensorFlow's wheels. Only their C++ libraries are used, so one made for any Python serves: always CPython 3.11's.
 * Linux x64 is tried; the others hold the same files by their names, and are not tried.
 */
const TENSORFLOW: Readonly<Record<string, Part | undefined>> = {
  "cpu linux-x64": wheel(
    "tensorflow-cpu",
    TENSORFLOW_VERSION,
    "cp311-cp311-manylinux_2_27_x86_64",
    [273_829_956, 854_258_761],
    "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
  ),
  "gpu linux-x64": wheel(
    "tensorflow",
    TENSORFLOW_VERSION,
    "cp311-cp311-manylinux_2_27_x86_64",
    [572_440_367, 1_259_970_905],
    "9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124",
  ),
  "cpu linux-arm64": wheel(
    "tensorflow",
    TENSORFLOW_VERSION,
    "cp311-cp311-manylinux_2_27_aarch64",
    [281_828_020, 884_012_033],
    "4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c",
  ),
  "cpu darwin-arm64": wheel(
    "tensorflow",
    TENSORFLOW_VERSION,
    "cp311-cp311-macosx_12_0_arm64",
    [223_405_849, 741_755_449],
    "51f46f4806139d01fc7920cc72a4c75876f80649bf40ff083ab6212ceb43ca88",
  ),
};

/**
 * What an installation is made of, in the order in which it is fetched: small ones first, as they fail as well.
 *
 * @param computer `process.platform` and `process.arch` with a hyphen between.
 * @throws NativeError saying what to do instead where TensorFlow has no libraries for this computer.
 */
export function partsOf(variant: Variant, computer = `${process.platform}-${process.arch}`): readonly Part[] {
  const tensorflow = TENSORFLOW[`${variant} ${computer}`];
  if (tensorflow !== undefined) return [...NPM_PARTS, tensorflow, ...(variant === "gpu" ? CUDA_PARTS : [])];
  const what = `TensorFlow ${TENSORFLOW_VERSION}${variant === "gpu" ? " with CUDA" : ""}`;
  const instead = computer.startsWith("win32")
    ? "install Node and this package in WSL 2, where it runs as on Linux, or use the wasm backend, which needs nothing"
    : "use the wasm backend, which needs nothing";
  throw new NativeError(`${what} has no libraries for ${computer}; ${instead}`);
}

/**
 * The most bytes on disk while the parts are fetched and unpacked, one after the other. pip holds a wheel twice for
 * a moment: in its temporary folder and in the one that it was told.
 */
export function peakBytes(parts: readonly Part[]): number {
  let [before, peak] = [0, 0];
  for (const { bytes, unpacked } of parts) {
    peak = Math.max(peak, before + Math.max(2 * bytes, bytes + unpacked));
    before += unpacked;
  }
  return peak;
}
