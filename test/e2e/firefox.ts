import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";

/** Debian's Firefox ESR, or the one that FIREFOX names. */
const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";

/** What Firefox answers to a command, or tells by itself. */
interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly message?: string;
}

/**
 * Firefox by WebDriver BiDi, which it speaks itself: Playwright drives only builds of its own.
 *
 * @see https://www.w3.org/TR/webdriver-bidi/
 */
export class Firefox {
  private last = 0;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private context = "";

  private constructor(
    private readonly browser: ChildProcess,
    private readonly profile: string,
    private readonly socket: WebSocket,
  ) {
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.id !== undefined) this.waiting.get(message.id)?.(message);
    });
  }

  static async start(): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), "medsam-firefox-"));
    writeFileSync(join(profile, "user.js"), PREFERENCES.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join("")); // prettier-ignore
    const args = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"];
    const browser = spawn(FIREFOX, args, { stdio: ["ignore", "ignore", "pipe"] });
    const address = await new Promise<string>((resolve, reject) => {
      let said = "";
      browser.stderr.on("data", (data: Buffer) => {
        said += data.toString();
        const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said);
        if (found) resolve(found[1]);
      });
      browser.once("exit", () => reject(new Error(`Firefox ended: ${said}`)));
    });
    const socket = new WebSocket(`${address}/session`);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const firefox = new Firefox(browser, profile, socket);
    await firefox.send("session.new", { capabilities: {} });
    const tree = (await firefox.send("browsingContext.getTree", {})) as { contexts: { context: string }[] };
    firefox.context = tree.contexts[0].context;
    return firefox;
  }

  async open(url: string): Promise<void> {
    await this.send("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  /** The value of an expression in the page, as JSON; promises are waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = (await this.send("script.evaluate", {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`,
      target: { context: this.context },
      awaitPromise: true,
    })) as { result: { value: string }; exceptionDetails?: { text: string } };
    if (answer.exceptionDetails) throw new Error(`${expression}: ${answer.exceptionDetails.text}`);
    return JSON.parse(answer.result.value) as T;
  }

  /** Waits until an expression is true; what the page says instead is in the error. */
  async until(expression: string, seconds = 60): Promise<void> {
    const end = Date.now() + 1000 * seconds;
    while (!(await this.evaluate<boolean>(`Boolean(${expression})`))) {
      if (Date.now() > end) {
        const shown = await this.evaluate<string>("document.body.innerText.replace(/\\s+/g, ' ')");
        throw new Error(`not within ${seconds} s: ${expression}; the page says: ${shown}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Chooses files as a user does. */
  async setFiles(selector: string, files: readonly string[]): Promise<void> {
    const { nodes } = (await this.send("browsingContext.locateNodes", {
      context: this.context,
      locator: { type: "css", value: selector },
    })) as { nodes: { sharedId: string }[] };
    await this.send("input.setFiles", {
      context: this.context,
      element: { sharedId: nodes[0].sharedId },
      files,
    });
  }

  /** Drags the mouse along some places of the page. */
  async drag(places: readonly (readonly [number, number])[]): Promise<void> {
    const moves = places.map(([x, y]) => ({ type: "pointerMove", x: Math.round(x), y: Math.round(y) }));
    const actions = [moves[0], { type: "pointerDown", button: 0 }, ...moves.slice(1), { type: "pointerUp", button: 0 }]; // prettier-ignore
    await this.send("input.performActions", {
      context: this.context,
      actions: [{ type: "pointer", id: "mouse", actions }],
    });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.browser.once("exit", resolve));
    this.socket.close();
    this.browser.kill();
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private send(method: string, params: object): Promise<unknown> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, message }) => {
        this.waiting.delete(id);
        if (result === undefined) reject(new Error(`${method}: ${message}`));
        else resolve(result);
      });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }
}

/** No first-run pages; downloads without asking. */
const PREFERENCES: readonly (readonly [string, string | number | boolean])[] = [
  ["browser.shell.checkDefaultBrowser", false],
  ["browser.startup.page", 0],
  ["browser.aboutwelcome.enabled", false],
  ["datareporting.policy.dataSubmissionEnabled", false],
  ["browser.download.folderList", 2],
  ["browser.download.dir", tmpdir()],
];
