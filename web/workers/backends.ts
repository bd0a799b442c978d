import * as tf from "@tensorflow/tfjs";
import { getThreadsCount, setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { assertSelfTest, selfTest, type Golden } from "../../src/backend/selfTest.js";
import { BackendAbsentError, BackendError } from "../../src/backend/startBackend.js";
import { useBackend } from "../../src/backend/useBackend.js";
import { webGpuDevice } from "../../src/backend/webgpu.js";
import type { Sam } from "../../src/model/sam.js";
import type { PageBackend } from "../backendNames.js";

/** How a backend was found to be trustworthy. */
export interface BackendReport {
  readonly name: PageBackend;
  readonly device: string;
  /** What the result of the self-test is kept under: version, backend, device. */
  readonly key: string;
  /** Largest difference from the golden values as a share of a module's largest; undefined when kept from before. */
  readonly difference?: number;
  /** Backends that were tried before, and why they are not used. */
  readonly refused: readonly { readonly name: PageBackend; readonly reason: string }[];
}

export interface StartOptions {
  /** Tried in this order. */
  readonly order: readonly PageBackend[];
  /** Whether a GPU that is drawn by the processor, slower than wasm, is welcome. */
  readonly softwareGpu: boolean;
  /** Keys of self-tests that passed before. */
  readonly passed: readonly string[];
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/**
 * Starts the first backend that is there and computes the golden values.
 *
 * @param makeModel builds the embedded model on the backend in use.
 * @param golden what it is compared with.
 * @param onProgress told 0 before a backend is tried, and 1 once it runs.
 * @returns what was found, and the model where one was made for the test.
 * @throws BackendError with the reasons when none does.
 */
export async function startTrusted(
  { order, softwareGpu, passed }: StartOptions,
  makeModel: () => Promise<Sam>,
  golden: () => Promise<Golden>,
  onProgress: (share: number) => void,
): Promise<{ readonly report: BackendReport; readonly model?: Sam }> {
  const refused: { name: PageBackend; reason: string }[] = [];
  prepareWasm();
  for (const name of order)
    try {
      onProgress(0);
      if (name === "webgl" && !softwareGpu) refuseSoftwareWebGl();
      if (name === "webgpu" && !softwareGpu) await refuseSoftwareWebGpu();
      await useBackend(name);
      onProgress(1);
      const device = await deviceOf(name);
      const key = [__VERSION__, name, device, navigator.userAgent].join(" | ");
      if (passed.includes(key)) return { report: { name, device, key, refused } };
      const model = await makeModel();
      try {
        const rows = await selfTest(model, await golden());
        assertSelfTest(rows);
        const difference = Math.max(...rows.map((row) => row.difference));
        return { report: { name, device, key, refused, difference }, model };
      } catch (error) {
        model.dispose();
        throw error;
      }
    } catch (error) {
      refused.push({ name, reason: error instanceof Error ? error.message : String(error) });
    }
  throw new BackendError(refused.map(({ name, reason }) => `${name}: ${reason}`).join("; "));
}

function prepareWasm(): void {
  setWasmPaths({
    "tfjs-backend-wasm.wasm": new URL("../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm", import.meta.url).href, // prettier-ignore
    "tfjs-backend-wasm-simd.wasm": new URL("../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm", import.meta.url).href, // prettier-ignore
    "tfjs-backend-wasm-threaded-simd.wasm": new URL("../../node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm", import.meta.url).href, // prettier-ignore
  });
  if (!crossOriginIsolated) return;
  // The compiled module takes at most half of the cores that it sees: it is shown twice as many.
  const cores = navigator.hardwareConcurrency;
  setThreadsCount(cores);
  Object.defineProperty(navigator, "hardwareConcurrency", { value: 2 * cores, configurable: true });
}

async function deviceOf(name: PageBackend): Promise<string> {
  if (name === "webgpu") return webGpuDevice();
  if (name === "webgl") return webGlDevice() ?? "no device";
  if (name === "cpu") return "plain JavaScript, 1 thread";
  const threads = tf.env().getBool("WASM_HAS_MULTITHREAD_SUPPORT") ? getThreadsCount() : 1;
  const simd = tf.env().getBool("WASM_HAS_SIMD_SUPPORT") ? "SIMD" : "no SIMD";
  return `WebAssembly, ${simd}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/** What WebGL's device calls itself; undefined where there is none. */
function webGlDevice(): string | undefined {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (gl === null) return undefined;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER) as string;
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return name;
}

function refuseSoftwareWebGl(): void {
  const device = webGlDevice();
  if (device === undefined) throw new BackendAbsentError("there is no WebGL 2 here");
  if (SOFTWARE.test(device))
    throw new BackendAbsentError(`the only WebGL device is drawn by the processor (${device})`);
}

async function refuseSoftwareWebGpu(): Promise<void> {
  const device = await webGpuDevice();
  if (SOFTWARE.test(device))
    throw new BackendAbsentError(`the only WebGPU device is drawn by the processor (${device})`);
}

/** A device that went away while it was used, or did not do what it was told. */
export class DeviceLost extends Error {
  override name = "DeviceLost";
}

interface GpuBackend {
  readonly gpgpu?: { readonly gl: WebGLRenderingContext };
  readonly device?: EventTarget & { readonly lost: Promise<{ readonly message: string }> };
}

/** Rejects when the GPU of the backend in use is lost. */
let whenLost: Promise<never> = new Promise(() => undefined);

/** Notes from now on when the GPU is lost or refuses an order, which TensorFlow.js itself does not say. */
export function watchDevice(): void {
  const { gpgpu, device } = tf.backend() as unknown as GpuBackend;
  whenLost = new Promise((_, reject) => {
    gpgpu?.gl.canvas.addEventListener("webglcontextlost", () =>
      reject(new DeviceLost("the browser took the WebGL context away")),
    );
    void device?.lost.then(({ message }) =>
      reject(new DeviceLost(`the WebGPU device was lost (${message || "no reason given"})`)),
    );
    // Out of memory, or an order that it does not take: what was to be computed stays zero.
    device?.addEventListener("uncapturederror", (event) => {
      const { error } = event as Event & { readonly error: Error };
      reject(new DeviceLost(`WebGPU refused an order: ${error.message.split("\n")[0]}`));
    });
  });
  whenLost.catch(() => undefined);
}

/**
 * The result of some work on the device.
 *
 * @throws DeviceLost when the GPU was lost meanwhile: what is read from it then never comes, or is wrong.
 */
export async function onDevice<T>(work: Promise<T>): Promise<T> {
  const { gpgpu } = tf.backend() as unknown as GpuBackend;
  try {
    const result = await Promise.race([work, whenLost]);
    return gpgpu?.gl.isContextLost() ? await whenLost : result;
  } catch (error) {
    // Reads end with the device, and are told of first.
    if (error instanceof DOMException && /mapAsync|GPUBuffer/.test(error.message))
      throw new DeviceLost(`the WebGPU device was lost (${error.message})`, { cause: error });
    throw error;
  }
}
