import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { servePage, type ServeOptions } from "../../src/cli/webServer.js";
import { fit, toCanvas } from "../../web/view/transform.js";
import { ROOT } from "./medsam.js";

/** Debian's Chromium, or the one that CHROMIUM names. */
export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Software WebGL and WebGPU, so that all backends run on a machine without a GPU. */
export const FLAGS = [
  "--no-sandbox",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-webgpu-adapter=swiftshader",
  "--ignore-gpu-blocklist",
];

/** These tests need the built page, Chromium and Firefox: they run by `npm run test:web` alone. */
export const PAGE_CAN_RUN = process.env["MEDSAM_TEST_WEB"] === "1";

export const SHARED_DATA = join(ROOT, "..", "shared", "data");

/**
 * A served page and a browser for the tests of a file.
 *
 * @param serving how it is served, asked when the tests begin.
 */
export function pageFixture(serving: () => Partial<ServeOptions> = () => ({})) {
  let browser: Browser;
  let address: string;
  /** Backends whose self-test was passed, and where the browser keeps that. */
  const passed = new Set<string>();
  let kept: Awaited<ReturnType<BrowserContext["storageState"]>> | undefined;
  const server = new AbortController();
  const folder = mkdtempSync(join(tmpdir(), "medsam-web-"));

  beforeAll(async () => {
    ({ address } = await servePage({ port: 0, host: "localhost", ...serving() }, server.signal));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    server.abort();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    folder,
    get address() {
      return address;
    },
    /** A context with nothing kept from before. */
    context: (options: Parameters<Browser["newContext"]>[0] = {}): Promise<BrowserContext> =>
      browser.newContext({ viewport: { width: 1100, height: 800 }, ...options }),
    /**
     * The page on a backend; in a context of its own, it knows of the self-tests that were passed before.
     *
     * @param until `started`: it encodes its sample still; default `ready`.
     */
    async open(backend: string, { context, until = ready }: OpenOptions = {}): Promise<Page> {
      const own = context ?? (await this.context({ storageState: kept }));
      const page = await own.newPage();
      await page.goto(`${address}?backend=${backend}`);
      await until(page, backend);
      if (context === undefined && !passed.has(backend)) {
        kept = await own.storageState();
        passed.add(backend);
      }
      return page;
    },
  };
}

interface OpenOptions {
  readonly context?: BrowserContext;
  readonly until?: typeof started;
}

/** The model is there; an image is encoded next. */
export async function started(page: Page, backend: string): Promise<void> {
  await page.locator("#status", { hasText: `on ${backend}` }).waitFor({ timeout: 100_000 });
}

/** The model is there, and the image is encoded. */
export async function ready(page: Page, backend: string): Promise<void> {
  await started(page, backend);
  await page.locator("#activity").waitFor({ state: "hidden", timeout: 100_000 });
}

/** Opens files as a user does, and waits until the page shows them in place of the image before. */
export async function openFiles(page: Page, files: string | readonly string[], shown: string): Promise<void> {
  const facts = page.locator("#image-facts");
  const before = (await facts.textContent()) ?? "";
  await page.locator("#file").setInputFiles(typeof files === "string" ? files : [...files]);
  const opened = facts.filter({ hasText: shown, hasNotText: before || undefined });
  const refused = page.locator("#notice-text", { hasText: /./ });
  await opened.or(refused).first().waitFor({ timeout: 60_000 });
  if (await refused.isVisible()) throw new Error(`refused: ${await refused.textContent()}`);
  await opened.waitFor({ timeout: 60_000 });
}

/** Drops a file on the page as from the desktop. */
export async function dropFile(page: Page, path: string): Promise<void> {
  const file = { name: basename(path), base64: readFileSync(path).toString("base64") };
  const data = await page.evaluateHandle(({ name, base64 }) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
    return transfer;
  }, file);
  for (const event of ["dragover", "drop"])
    await page.locator("#canvas").dispatchEvent(event, { dataTransfer: data });
}

/** From pixels of an image, shown whole, to pixels of the page. */
export async function placer(page: Page, width: number, height: number) {
  const box = (await page.locator("#canvas").boundingBox())!;
  const view = fit({ width, height }, box);
  return (x: number, y: number) => {
    const [left, top] = toCanvas(view, [x, y]);
    return [box.x + left, box.y + top] as const;
  };
}

/** Drags a box with the mouse on an image of 512 x 512 or another size. */
export async function dragBox(
  page: Page,
  [x0, y0, x1, y1]: readonly number[],
  [width, height] = [512, 512],
): Promise<void> {
  const place = await placer(page, width, height);
  await page.mouse.move(...place(x0, y0));
  await page.mouse.down();
  await page.mouse.move(...place((x0 + x1) / 2, (y0 + y1) / 2), { steps: 3 });
  await page.mouse.move(...place(x1, y1), { steps: 3 });
  await page.mouse.up();
}

/** Waits for the selected object's mask. @returns what the page says of it. */
export async function maskArrives(page: Page): Promise<string> {
  const score = page.locator("#score", { hasText: "pixels" });
  await score.waitFor({ timeout: 100_000 });
  return (await score.textContent()) ?? "";
}

/** What axe finds wrong with the page in each of these looks, a line each; the context needs `bypassCSP`. */
export async function accessibilityFaults(
  page: Page,
  looks: readonly (readonly [colorScheme: "dark" | "light", width: number])[],
): Promise<string[]> {
  await page.addScriptTag({ path: join(ROOT, "node_modules", "axe-core", "axe.min.js") });
  const faults: string[] = [];
  for (const [colorScheme, width] of looks) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }; // prettier-ignore
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    });
    faults.push(...found.map((fault) => `${colorScheme}, ${width} pixels wide: ${fault}`));
  }
  return faults;
}

/** Saves by the menu. */
export async function save(page: Page, item: string): Promise<Uint8Array> {
  await page.locator("#save").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(`#${item}`).click()]);
  return readFileSync(await download.path());
}

/** Twice the overlap by the sum of both. */
export function dice(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i] && b[i] ? 1 : 0;
    sum += (a[i] ? 1 : 0) + (b[i] ? 1 : 0);
  }
  return (2 * both) / sum;
}
