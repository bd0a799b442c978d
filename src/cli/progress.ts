import { SingleBar } from "cli-progress";

/** Nothing is shown before this many milliseconds: a short job needs no bar. */
const PATIENCE = 2000;
/** Where there is no terminal, one line at most every so many milliseconds. */
const LINE_EVERY = 10_000;

/** What is written to: standard error. */
type Stream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Progress of one long job on standard error: a bar in a terminal, now and then a line elsewhere.
 * Standard output stays free for results.
 */
export class Progress {
  private readonly start = Date.now();
  private bar: SingleBar | undefined;
  private lastLine = 0;

  constructor(
    private readonly what: string,
    private readonly stream: Stream = process.stderr,
  ) {}

  /** @param share of the work that is done, 0 to 1. @param what is being worked on now. */
  update(share: number, what = this.what): void {
    const now = Date.now();
    if (now - this.start < PATIENCE) return;
    const percent = Math.round(100 * share);
    if (this.stream.isTTY === true) {
      if (this.bar === undefined) {
        const format = "{bar} {percentage} % | {what}";
        this.bar = new SingleBar({ stream: this.stream, format, clearOnComplete: true, hideCursor: true });
        this.bar.start(100, percent, { what });
      }
      this.bar.update(percent, { what });
    } else if (now - this.lastLine >= LINE_EVERY) {
      this.lastLine = now;
      this.stream.write(`medsam: ${percent} % | ${what}\n`);
    }
  }

  /** Takes the bar away. Call it whatever happened. */
  stop(): void {
    this.bar?.stop();
  }
}
