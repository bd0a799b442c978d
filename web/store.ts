/** A value that tells its listeners when it changes; several changes in one turn are told once. */
export class Store<T extends object> {
  private readonly listeners: ((value: T) => void)[] = [];
  private told = true;

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  update(change: Partial<T>): void {
    this.current = { ...this.current, ...change };
    if (!this.told) return;
    this.told = false;
    queueMicrotask(() => {
      this.told = true;
      for (const listener of this.listeners) listener(this.current);
    });
  }

  /** Calls `listener` now and after every change. */
  subscribe(listener: (value: T) => void): void {
    this.listeners.push(listener);
    listener(this.current);
  }
}
