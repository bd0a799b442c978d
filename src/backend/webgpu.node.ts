import { BackendAbsentError, BackendError } from "./startBackend.js";
import { prepareWebGpu, requestAdapter } from "./webgpu.js";

/** The part of npm `webgpu` (Dawn for Node) that is used. */
interface Dawn {
  readonly create: (flags: readonly string[]) => object;
  readonly globals: object;
}

// The device lives as long as what `create` gave; nothing else holds it.
let gpu: object | undefined;

/**
 * Puts Dawn behind `navigator.gpu`, as a browser has it, and checks that it has a device.
 *
 * @throws BackendAbsentError when npm `webgpu` is not installed, or finds no device.
 */
export async function prepareWebGpuInNode(mayBeSoftware: boolean): Promise<void> {
  if (gpu === undefined) {
    const { create, globals } = await findDawn();
    gpu = create([]);
    Object.assign(globalThis, globals);
    const navigator = { ...globalThis.navigator, gpu, userAgent: "Node.js" };
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true, writable: true });
  }
  try {
    if ((await requestAdapter()) === undefined)
      throw new BackendAbsentError(
        "Dawn finds no WebGPU device; it needs Vulkan (Debian: apt install libvulkan1) and a GPU with its driver",
      );
    await prepareWebGpu(mayBeSoftware);
  } catch (error) {
    if (error instanceof BackendError) throw error;
    throw new BackendError(
      `WebGPU does not start: ${(error as Error).message}; it needs Vulkan and a driver`,
    );
  }
}

async function findDawn(): Promise<Dawn> {
  // An optional package: the name in a variable keeps the compiler from asking for its types.
  const name: string = "webgpu";
  try {
    return (await import(name)) as Dawn;
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" ? "" : `: ${(error as Error).message}`;
    throw new BackendAbsentError(
      `npm webgpu is not installed${reason}; to have WebGPU in Node: npm install webgpu`,
    );
  }
}
