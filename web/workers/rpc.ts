// Calls from the page to a worker: typed by the worker's own table of methods, with progress, cancelling and crashes.

/** What a method gets beside its argument. */
export interface CallContext {
  /** Aborted when the page cancels the call. */
  readonly signal: AbortSignal;
  /** Tells the page the share done, and of what. */
  readonly progress: (share: number, what?: string) => void;
}

/** A worker's methods: one structured-cloneable argument each. */
export type Methods = Readonly<Record<string, (argument: never, context: CallContext) => unknown>>;

type Argument<M extends Methods, K extends keyof M> = Parameters<M[K]>[0];
type Result<M extends Methods, K extends keyof M> = Awaited<ReturnType<M[K]>>;

type Request = { readonly id: number } & ({ readonly method: string; readonly argument: unknown } | { readonly cancel: true }); // prettier-ignore
type Reply = { readonly id: number } & (
  | { readonly result: unknown }
  | { readonly error: { readonly name: string; readonly message: string } }
  | { readonly share: number; readonly what?: string }
);

/** An error of a worker; `name` is that of the error there. */
export class RemoteError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** The worker itself ended; every call that was under way fails with this. */
export class WorkerCrash extends Error {
  override name = "WorkerCrash";
}

/** Buffers of a result that are moved to the page, not copied. */
const moved = new WeakMap<object, Transferable[]>();

/** Marks buffers of a method's result as no longer needed by the worker. */
export function moving<T extends object>(result: T, buffers: Transferable[]): T {
  moved.set(result, buffers);
  return result;
}

/** Answers the page's calls, for the rest of the worker's life. */
export function serve(methods: Methods): void {
  const running = new Map<number, AbortController>();
  const reply = (message: Reply, transfer: Transferable[] = []) => self.postMessage(message, { transfer });
  self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
    const { id } = data;
    if ("cancel" in data) {
      running.get(id)?.abort();
      return;
    }
    const controller = new AbortController();
    running.set(id, controller);
    const context: CallContext = {
      signal: controller.signal,
      progress: (share, what) => reply({ id, share, ...(what !== undefined && { what }) }),
    };
    void (async () => {
      try {
        const result = await methods[data.method](data.argument as never, context);
        const buffers = typeof result === "object" && result !== null ? moved.get(result) : undefined;
        reply({ id, result }, buffers);
      } catch (error) {
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        reply({ id, error: { name, message } });
      } finally {
        running.delete(id);
      }
    })();
  });
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (share: number, what?: string) => void;
  readonly transfer?: Transferable[];
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress?: CallOptions["onProgress"];
}

/** The page's side of a worker. */
export class Remote<M extends Methods> {
  private readonly pending = new Map<number, Pending>();
  private last = 0;
  private ended: WorkerCrash | undefined;

  /**
   * @param onCrash told when the worker ends by itself, also while nothing is asked of it.
   * @param describe what calls that were under way then say, from what the browser says.
   */
  constructor(
    private readonly worker: Worker,
    onCrash: (error: WorkerCrash) => void,
    describe = (reason: string) => reason,
  ) {
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.receive(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      const crash = new WorkerCrash(describe(event.message || "the worker could not be started, or ended"));
      this.end(crash);
      onCrash(crash);
    });
  }

  call<K extends keyof M & string>(
    method: K,
    argument: Argument<M, K>,
    { signal, onProgress, transfer = [] }: CallOptions = {},
  ): Promise<Result<M, K>> {
    if (this.ended) return Promise.reject(this.ended);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const id = ++this.last;
    const cancel = () => this.worker.postMessage({ id, cancel: true } satisfies Request);
    signal?.addEventListener("abort", cancel, { once: true });
    return new Promise<Result<M, K>>((resolve, reject) => {
      this.pending.set(id, { resolve, reject, onProgress });
      this.worker.postMessage({ id, method, argument } satisfies Request, transfer);
    }).finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** Ends the worker; calls under way fail. */
  end(reason = new WorkerCrash("the worker was ended")): void {
    this.ended ??= reason;
    this.worker.terminate();
    for (const { reject } of this.pending.values()) reject(this.ended);
    this.pending.clear();
  }

  private receive(reply: Reply): void {
    const call = this.pending.get(reply.id);
    if (call === undefined) return;
    if ("share" in reply) return call.onProgress?.(reply.share, reply.what);
    this.pending.delete(reply.id);
    if ("error" in reply) call.reject(new RemoteError(reply.error.name, reply.error.message));
    else call.resolve(reply.result as never);
  }
}
