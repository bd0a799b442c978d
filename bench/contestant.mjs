import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/**
 * A program that computes on demand, in a process of its own. It says `{"ready": true, "version": ..., "load": seconds}`
 * on its standard output when its model is loaded; then each line of JSON on its standard input is a task, `encode` or
 * `decode`, with the names of files of 32-bit floats, and is answered by `{"seconds": ...}`. So contestants take
 * turns while only one of them works.
 */
export class Contestant {
  /** @param command program and arguments. */
  constructor(name, command, env = {}) {
    this.name = name;
    this.child = spawn(command[0], command.slice(1), {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    this.errors = "";
    this.child.stderr.on("data", (text) => (this.errors = `${this.errors}${text}`.slice(-4000)));
    this.child.on("error", (error) => (this.errors += error.message));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** What it says when it is ready. @throws Error with the end of its messages when it died. */
  ready() {
    return this.answer();
  }

  ask(task) {
    this.child.stdin.write(`${JSON.stringify(task)}\n`);
    return this.answer();
  }

  async answer() {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) throw new Error(`${this.name} ended: ${this.errors.trim().split("\n").at(-1)}`);
      // Libraries greet on standard output.
      if (value.startsWith("{")) return JSON.parse(value);
    }
  }

  /** Most memory that the process has held so far, in bytes. */
  peakMemory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** Stopped contestants use no processor, whatever their threads wait for. */
  pause() {
    this.child.kill("SIGSTOP");
  }

  resume() {
    this.child.kill("SIGCONT");
  }

  close() {
    this.child.kill("SIGKILL");
  }
}
