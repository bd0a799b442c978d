import { BackendAbsentError } from "./startBackend.js";

interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

interface Adapter {
  readonly info: AdapterInfo;
  readonly isFallbackAdapter?: boolean;
}

interface Gpu {
  requestAdapter(): Promise<Adapter | null>;
}

/** Names of drivers that draw with the processor. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** The GPU that WebGPU would take, or undefined. */
export async function requestAdapter(): Promise<Adapter | undefined> {
  const { gpu } = globalThis.navigator as { readonly gpu?: Gpu };
  return (await gpu?.requestAdapter()) ?? undefined;
}

/** What WebGPU's device calls itself. */
export async function webGpuDevice(): Promise<string> {
  const info = (await requestAdapter())?.info;
  const words = info && [info.vendor, info.architecture, info.device, info.description];
  return words?.filter(Boolean).join(" ") ?? "no device";
}

/**
 * Checks that there is a WebGPU device, and loads the backend.
 *
 * @throws BackendAbsentError when there is none, or only one that is drawn by the processor and that is not welcome.
 */
export async function prepareWebGpu(mayBeSoftware: boolean): Promise<void> {
  const adapter = await requestAdapter();
  if (adapter === undefined) throw new BackendAbsentError("there is no WebGPU device here");
  const name = await webGpuDevice();
  if (!mayBeSoftware && (adapter.isFallbackAdapter === true || SOFTWARE.test(name)))
    throw new BackendAbsentError(`the only WebGPU device is drawn by the processor (${name})`);
  await import("@tensorflow/tfjs-backend-webgpu");
}
