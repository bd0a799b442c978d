import type { PixelImage } from "../../../src/image/pixels.js";
import type { Engine } from "../../../web/engine.js";
import { Predictions } from "../../../web/predictions.js";
import { createApp, type App } from "../../../web/state/app.js";
import type { ImageInfo } from "../../../web/workers/imageWorker.js";
import type { Answer, ModelInfo } from "../../../web/workers/modelWorker.js";

interface Call {
  readonly method: string;
  readonly argument: unknown;
  readonly signal?: AbortSignal;
  /** Its answer comes. */
  readonly answer: (value: unknown) => void;
  readonly fail: (error: Error) => void;
}

/** The page's state with an image of four slices, and predictions whose worker answers when it is told to. */
export class FakeModel {
  readonly app: App = createApp();
  readonly predictions: Predictions;
  /** Calls that wait for their answer, the first that came first. */
  readonly waiting: Call[] = [];
  /** Reads a slice of the image. */
  slice = (): Promise<PixelImage> =>
    Promise.resolve({ width: 100, height: 80, channels: 1, data: new Uint8Array(8000) });
  /** Told when the worker is lost. */
  failed: () => void = () => undefined;

  constructor() {
    const call = (method: string, argument: unknown, { signal }: { signal?: AbortSignal } = {}) =>
      new Promise((answer, fail) => this.waiting.push({ method, argument, answer, fail, ...(signal && { signal }) })); // prettier-ignore
    const engine = { worker: { call }, failed: () => this.failed() } as unknown as Engine;
    this.predictions = new Predictions(
      this.app,
      () => engine,
      () => this.slice(),
    );
    this.app.update({
      image: { name: "a.nii", sha256: "00", width: 100, height: 80, slices: 4 } as ImageInfo,
      model: { name: "m", sha256: "11" } as ModelInfo,
    });
  }

  /** The call that waits, which must be of this method. */
  async next(method: "encode" | "predict"): Promise<Call> {
    await turns();
    const call = this.waiting.shift();
    if (call?.method !== method) throw new Error(`${call?.method} is asked; expected ${method}`);
    return call;
  }

  /** Answers the encoding that waits. */
  async encoded(): Promise<void> {
    (await this.next("encode")).answer({ memory: 0 });
    await turns();
  }

  /** Answers the prediction that waits by a mask whose pixels all have this value. */
  async predicted(value = 1): Promise<void> {
    (await this.next("predict")).answer(answerOf(value));
    await turns();
  }
}

/** Lets promises go on, and the page's state be told. */
export async function turns(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export function answerOf(value: number): Answer {
  const mask = { width: 100, height: 80, channels: 1, data: new Uint8Array(8000).fill(value) };
  const logits = { width: 1, height: 1, data: Float32Array.of(value) };
  return { masks: [mask], scores: [value], lowResLogits: [logits], facts: [{ pixels: 8000 * value }] }; // prettier-ignore
}
