import { vi } from "vitest";
import { encodePng } from "../../../src/image/encode.js";
import { Images } from "../../../web/images.js";
import { createApp, type App } from "../../../web/state/app.js";
import { keepPrompts, keptDocuments } from "../../../web/state/keeping.js";

// The page's reader of images with its worker, both in this process.

let worker: InProcess;

/** A browser's worker, of which there is one. */
class InProcess extends EventTarget {
  constructor() {
    super();
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    worker = this;
  }
  postMessage(data: unknown): void {
    queueMicrotask(() => self.dispatchEvent(new MessageEvent("message", { data })));
  }
  terminate(): void {
    // Its module stays; what it still says is for nobody.
  }
}

/** The worker ends by itself. */
export function crash(): void {
  worker.dispatchEvent(new Event("error", { cancelable: true }));
}

/** What a browser keeps for a tab. */
class TabStorage {
  [key: string]: unknown;
  static full = false;
  getItem(key: string): string | null {
    return (this[key] as string | undefined) ?? null;
  }
  setItem(key: string, text: string): void {
    if (TabStorage.full) throw new DOMException("no room", "QuotaExceededError");
    this[key] = text;
  }
  removeItem(key: string): void {
    delete this[key];
  }
}

/** Puts a browser's globals in place; `vi.unstubAllGlobals` takes them away. */
export async function inBrowser({ full = false } = {}): Promise<void> {
  TabStorage.full = full;
  const reply = (data: unknown) => worker.dispatchEvent(new MessageEvent("message", { data }));
  const own = Object.assign(new EventTarget(), { postMessage: (data: unknown) => queueMicrotask(() => reply(data)) }); // prettier-ignore
  vi.stubGlobal("self", own);
  vi.stubGlobal("Worker", InProcess);
  vi.stubGlobal("sessionStorage", new TabStorage());
  vi.stubGlobal("__VERSION__", "0");
  vi.resetModules();
  await import("../../../web/workers/imageWorker.js");
}

/** The page's state and its reader of images, as after the page was loaded. */
export function loadPage(): { app: App; images: Images } {
  const app = createApp();
  const documents = keptDocuments();
  const images = new Images(app, documents);
  keepPrompts(app, documents);
  return { app, images };
}

/** A grey picture of one value. */
export function picture(name: string, value: number): File {
  const data = new Uint8Array(32 * 32).fill(value);
  return new File([new Uint8Array(encodePng({ width: 32, height: 32, channels: 1, data }))], name);
}
