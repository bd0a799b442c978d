import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.unstubAllGlobals());

test("the files of a new version are not taken from what the browser still has of the one before", async () => {
  const asked: Request[] = [];
  const cache = { addAll: (requests: Request[]) => Promise.resolve(void asked.push(...requests)) };
  vi.stubGlobal("self", new EventTarget());
  vi.stubGlobal("caches", { open: () => Promise.resolve(cache) });
  vi.stubGlobal("CACHE", "medsam-tfjs 2");
  vi.stubGlobal("FILES", ["https://page/index.html"]);
  await import("../../../web/serviceWorker.js");
  let done: Promise<unknown> | undefined;
  const waitUntil = (promise: Promise<unknown>) => (done = promise);
  self.dispatchEvent(Object.assign(new Event("install"), { waitUntil }));
  await done;
  expect(asked.map(({ url, cache }) => [url, cache])).toEqual([["https://page/index.html", "no-cache"]]);
});
