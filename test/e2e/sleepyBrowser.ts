import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext } from "playwright-core";
import { onTestFinished } from "vitest";
import { CHROMIUM, FLAGS } from "./webPage.js";

/**
 * A window whose tabs can be put to sleep, closed after the test. Where Playwright starts the browser, it makes every
 * tab believe that it is in front, and Chromium then does not let it sleep, without a word. So this one is started here,
 * and Playwright is told to leave it as it is.
 */
export async function sleepyBrowser(): Promise<BrowserContext> {
  const profile = mkdtempSync(join(tmpdir(), "medsam-web-"));
  const own = ["--headless", "--no-first-run", "--window-size=1100,900", `--user-data-dir=${profile}`];
  const browser = spawn(CHROMIUM, [...FLAGS, ...own, "--remote-debugging-port=0", "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(browser, "exit");
  onTestFinished(async () => {
    browser.kill();
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });
  const address = await new Promise<string>((resolve, reject) => {
    let said = "";
    browser.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, found] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    browser.on("error", reject);
    browser.on("exit", () => reject(new Error(`${CHROMIUM} ended: ${said}`)));
  });
  return (await chromium.connectOverCDP(address, { noDefaults: true })).contexts()[0];
}
