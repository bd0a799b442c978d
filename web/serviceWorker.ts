// Keeps the page's own files, so that it opens without a network after the first visit. The build puts two constants
// in front of it: the files of the main path, and a name that changes with them.
declare const FILES: readonly string[];
declare const CACHE: string;

interface WorkerEvent extends Event {
  waitUntil(promise: Promise<unknown>): void;
}
interface WorkerFetch extends WorkerEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

self.addEventListener("install", (event) => (event as WorkerEvent).waitUntil(keepFiles()));

self.addEventListener("activate", (event) => (event as WorkerEvent).waitUntil(forgetOthers()));

self.addEventListener("fetch", (event) => {
  const { request } = event as WorkerFetch;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  (event as WorkerFetch).respondWith(request.mode === "navigate" ? pageOf(request) : fileOf(request));
});

/** The page is asked for again: the browser may still have that of the version before. */
async function keepFiles(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
}

async function forgetOthers(): Promise<void> {
  for (const name of await caches.keys())
    if (name.startsWith("medsam-tfjs") && name !== CACHE) await caches.delete(name);
}

/** The page as the server has it now, or as it was kept. */
async function pageOf(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match("./index.html");
    if (kept === undefined) throw error;
    return kept;
  }
}

/** A file that was kept, else from the server; readers of medical files are kept when they are first used. */
async function fileOf(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreVary: true });
  if (kept !== undefined) return kept;
  const response = await fetch(request);
  if (response.ok && request.url.includes("/assets/")) await cache.put(request, response.clone());
  return response;
}
