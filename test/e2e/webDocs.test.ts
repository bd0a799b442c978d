import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { maskArea, type Mask } from "../../src/image/mask.js";
import { blocksOf, FILES } from "./docPages.js";
import { ROOT, SAMPLE, temporaryFolder } from "./medsam.js";
import { CHROMIUM, PAGE_CAN_RUN } from "./webPage.js";

// The programs of the pages that are for browsers, bundled as docs/embed.md says and run in one.

const BOX = [114, 205, 186, 275] as const;
const WASM = join(ROOT, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist");
const WEIGHTS = join(ROOT, "models", "medsam-tiny.safetensors");

/** Bundles files of a page, by their names, into a folder that a browser can be given. */
async function bundle(files: readonly (readonly [name: string, code: string])[]): Promise<string> {
  const folder = temporaryFolder();
  for (const [name, contents] of files)
    await build({
      stdin: { contents, loader: "ts", resolveDir: ROOT },
      ...{ bundle: true, format: "esm", platform: "browser", logLevel: "silent" },
      ...{ external: ["fs", "path"], alias: { "medsam-tfjs": join(ROOT, "dist", "browser.js") } },
      outfile: join(folder, name.replace(".ts", ".js")),
    });
  mkdirSync(join(folder, "wasm"));
  cpSync(WASM, join(folder, "wasm"), { recursive: true });
  cpSync(WASM, folder, { recursive: true });
  cpSync(WEIGHTS, join(folder, "medsam_vit_b.safetensors"));
  return folder;
}

describe.skipIf(!PAGE_CAN_RUN)("programs of the pages", () => {
  let browser: Browser;
  beforeAll(async () => {
    // Without WebGL: drawn by the processor it is slow, and the library would take it.
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--disable-3d-apis"],
    });
  });
  afterAll(() => browser.close());

  /** What `segment`, an export of `module`, gives for the sample. */
  async function segmented(folder: string, module: string, fileFirst: boolean): Promise<number> {
    const page = await browser.newPage();
    await page.route("http://localhost/**", (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      const types = { js: "text/javascript", wasm: "application/wasm" } as const;
      const contentType = types[name.split(".").at(-1) as keyof typeof types];
      const body = `<script type="module">import { segment } from "./${module}"; window.segment = segment;</script>`;
      if (name === "") return route.fulfill({ contentType: "text/html", body });
      return route.fulfill({ contentType, body: readFileSync(join(folder, name)) });
    });
    await page.goto("http://localhost/");
    await page.waitForFunction(() => "segment" in window, undefined, { timeout: 60_000 });
    const mask = await page.evaluate(
      async ({ bytes, box, fileFirst }) => {
        const { segment } = window as unknown as { segment: (...args: unknown[]) => Promise<Mask> };
        const file = new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], "sample.png");
        const { width, height, data } = await (fileFirst ? segment(file, box) : segment(box, file));
        return { width, height, data: [...data] };
      },
      { bytes: readFileSync(SAMPLE).toString("base64"), box: [...BOX], fileFirst },
    );
    await page.close();
    return maskArea({ ...mask, data: Uint8Array.from(mask.data) });
  }

  test("README.md: a module that segments", { timeout: 300_000 }, async () => {
    const [{ where, code }] = blocksOf("ts browser");
    expect(where).toMatch(/^README/);
    const area = await segmented(await bundle([["module.ts", code]]), "module.js", true);
    expect(area).toBeGreaterThan(3000);
    expect(area).toBeLessThan(4200);
  });

  test("docs/embed.md: a page and its worker", { timeout: 300_000 }, async () => {
    const area = await segmented(await bundle(FILES), "page.js", false);
    expect(area).toBeGreaterThan(3000);
    expect(area).toBeLessThan(4200);
  });
});

test("every program for browsers is among them", () => {
  expect(blocksOf("ts browser").length).toBe(1 + FILES.length);
});
