import { choosePreset, showError, type App } from "./state/app.js";
import { BACKEND_NAMES, type PageBackend } from "./backendNames.js";
import type { ModelMethods, ModelSource } from "./workers/modelWorker.js";
import { Remote, WorkerCrash } from "./workers/rpc.js";

/** Milliseconds that a backend may take to start. */
const STUCK = 15_000;

const KEPT = "medsam-tfjs self-tests";

/** Which backends the user wants; from the page's address, for tests and for trying. */
export interface Wish {
  readonly order: readonly PageBackend[];
  readonly softwareGpu: boolean;
}

/** The model's worker: started, watched, and started again on another backend when it fails. */
export class Engine {
  private remote: Remote<ModelMethods> | undefined;
  /** Hash of the model that answered last. */
  private before: string | undefined;

  /** The preset of the weights that were loaded last. */
  private usualPreset: string;

  /** What calls end with that were under way when another worker took the place of theirs. */
  private readonly replaced = new WorkerCrash("another backend takes its place");

  /** What to load again when a worker is replaced. */
  private source: ModelSource = { kind: "embedded" };

  constructor(
    private readonly app: App,
    /** Told when a backend and a model are in use, and whether it is the model that was in use before. */
    private readonly onReady: (what: { readonly sameModel: boolean }) => void,
  ) {
    this.usualPreset = app.value.preset;
  }

  /** The worker; undefined while none is ready. */
  get worker(): Remote<ModelMethods> | undefined {
    return this.app.value.model === undefined ? undefined : this.remote;
  }

  /** Until it is done nothing else is asked of the worker. */
  private started: Promise<void> = Promise.resolve();

  /** Starts a new worker on the first of these backends that works. */
  start(wish: Wish): Promise<void> {
    this.started = this.begin(wish, 2);
    return this.started;
  }

  /**
   * Starts a new worker on the first of these backends that works.
   *
   * @param again how often another worker is tried when one hangs: in Firefox 153, on a busy machine, the call that
   *   makes a thread of the WASM backend sometimes never returns.
   */
  private async begin({ order, softwareGpu }: Wish, again: number): Promise<void> {
    this.remote?.end(this.replaced);
    this.app.update({ backend: undefined, model: undefined, loading: { what: "Starting the model" } });
    const worker = new Worker(new URL("./workers/modelWorker.ts", import.meta.url), { type: "module" });
    const remote: Remote<ModelMethods> = new Remote<ModelMethods>(worker, (crash) => {
      if (this.remote === remote) this.failed(crash, order);
    });
    this.remote = remote;
    let next: Promise<void> | undefined;
    const watch = new Watch(STUCK, () => {
      if (this.remote === remote && again > 0) next = this.begin({ order, softwareGpu }, again - 1);
    });
    try {
      const asked = { order, softwareGpu, passed: passedTests() };
      const onProgress = (share: number) => (share < 1 ? watch.start() : watch.stop());
      const backend = await remote.call("start", asked, { onProgress });
      keepTest(backend.key);
      this.app.update({ backend });
      await this.loadAgain(remote);
    } catch (error) {
      if (this.remote === remote) this.failed(error, order);
    } finally {
      watch.stop();
    }
    await next;
  }

  /** Takes other weights into use; those before stay when that fails. */
  async use(source: ModelSource): Promise<void> {
    await this.started;
    const { remote } = this;
    if (remote === undefined) return showError(this.app, new Error("no backend is in use: choose one first"));
    try {
      await this.load(remote, source);
      this.source = source.kind === "hub" ? this.keptSource() : source;
    } catch (error) {
      if (isFatal(error)) this.failed(error);
      else if (!(error instanceof Error && error.name === "AbortError")) showError(this.app, error);
    } finally {
      this.app.update({ loading: undefined });
    }
  }

  /** The model in use as it was kept: the hub is never asked again by itself. */
  private keptSource(): ModelSource {
    const { model, stored } = this.app.value;
    const kept = stored.find(({ sha256 }) => sha256 === model?.sha256);
    return kept === undefined ? { kind: "embedded" } : { kind: "stored", model: kept };
  }

  /** Deletes a model that was kept; one in use stays in use. */
  async remove(sha256: string): Promise<void> {
    this.app.update({ stored: (await this.remote?.call("remove", sha256)) ?? [] });
  }

  /** The weights that were in use; those of the package where they are gone. */
  private async loadAgain(remote: Remote<ModelMethods>): Promise<void> {
    const { source } = this;
    try {
      await this.load(remote, source);
    } catch (error) {
      if (isFatal(error) || source.kind === "embedded") throw error;
      this.source = { kind: "embedded" };
      await this.load(remote, this.source);
      showError(this.app, error);
    }
  }

  private async load(remote: Remote<ModelMethods>, source: ModelSource): Promise<void> {
    const controller = new AbortController();
    const show = (share?: number) =>
      this.app.update({
        loading: {
          what: "Loading weights",
          ...(share !== undefined && { share }),
          ...(["file", "url", "hub"].includes(source.kind) && { cancel: () => controller.abort() }),
        },
      });
    show();
    const model = await remote.call("load", source, { signal: controller.signal, onProgress: show });
    const sameModel = this.before === model.sha256;
    this.before = model.sha256;
    // Weights bring their preset, unless the user has chosen another than that of the weights before.
    const brings = this.app.value.preset === this.usualPreset && this.usualPreset !== model.preset;
    this.usualPreset = model.preset;
    this.app.update({ model, loading: undefined, ...(brings && choosePreset(model, model.preset)) });
    // At once: what is asked until then is asked of the weights before, which are gone.
    this.onReady({ sameModel });
    if (model.notKept !== undefined)
      this.app.update({
        notice: {
          kind: "info",
          text: `${model.name} is in use, but could not be kept for the next time: ${model.notKept}. Delete other models, or open the file again then.`,
        },
      });
    const [stored, memory] = await Promise.all([
      remote.call("stored", undefined),
      remote.call("memory", undefined),
    ]);
    this.app.update({ stored, memory });
  }

  /** Ends the worker, says why, and offers the next backend. What the user made is kept. */
  failed(error: unknown, tried: readonly PageBackend[] = []): void {
    // A worker that ends is told of by itself, and by every call that was under way.
    if (this.remote === undefined || error === this.replaced) return;
    this.remote.end();
    this.remote = undefined;
    const { backend, failed } = this.app.value;
    const gone = [...failed, ...(backend ? [backend.name] : tried)];
    this.app.update({ backend: undefined, model: undefined, failed: gone, memory: undefined, activity: undefined, loading: undefined }); // prettier-ignore
    const left = BACKEND_NAMES.filter((name) => !gone.includes(name));
    // When nothing is left, another try of the slowest, which needs least, is all that can be offered.
    const order = left.length > 0 ? left : (["cpu"] as const);
    const reason = error instanceof Error ? error.message : String(error);
    showError(
      this.app,
      `${backend ? `The ${backend.name} backend stopped: ` : "The model could not be started: "}${reason}. Your prompts are kept.`,
      {
        label: `Go on with ${order[0]}`,
        run: () => void this.start({ order, softwareGpu: false }),
      },
    );
  }
}

/** Tells when something that was started is not done in time. */
class Watch {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly milliseconds: number,
    private readonly tell: () => void,
  ) {}

  start(): void {
    this.stop();
    this.timer = setTimeout(this.tell, this.milliseconds);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}

/** Errors after which a worker's results cannot be trusted, or nothing more comes of it. */
export function isFatal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // A RuntimeError is WebAssembly's: what it computed last, and its memory, are in an unknown state.
  if (["WorkerCrash", "DeviceLost", "OutOfMemoryError", "RuntimeError"].includes(error.name)) return true;
  return /out of memory|allocation failed|could not allocate|device (was|is) lost|webgl context|context lost/i.test(error.message); // prettier-ignore
}

function passedTests(): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
  } catch {
    return [];
  }
}

function keepTest(key: string): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify([...new Set([...passedTests(), key])].slice(-20)));
  } catch {
    // A browser that keeps nothing only means that the test runs again next time.
  }
}
