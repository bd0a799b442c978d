/** Lets calls that overlap run one after the other, in the order in which they were made. */
export class Turns {
  /** Settles after the calls made so far; never fails. */
  private last: Promise<unknown> = Promise.resolve();
  /** Calls under way. */
  private waiting = 0;
  private closed = false;

  /** @param closedMessage is thrown by calls made after `close`. */
  constructor(private readonly closedMessage: string) {}

  /** @throws RangeError after `close`. */
  assertOpen(): void {
    if (this.closed) throw new RangeError(this.closedMessage);
  }

  /** Runs a call after those made before; at once when there are none. */
  async run<T>(task: () => T | Promise<T>): Promise<T> {
    this.assertOpen();
    const before = this.waiting++ === 0 ? undefined : this.last;
    const run = before === undefined ? attempt(task) : before.then(task);
    const done = () => void this.waiting--;
    this.last = run.then(done, done);
    return run;
  }

  /** Runs a last call after those made before, which still get their results. Calls made from now on are refused. */
  close(task: () => void): Promise<void> {
    if (!this.closed) this.last = this.run(task);
    this.closed = true;
    return this.last.then(() => undefined);
  }
}

async function attempt<T>(task: () => T | Promise<T>): Promise<T> {
  return await task();
}
