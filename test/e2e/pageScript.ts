import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Page } from "playwright-core";
import { FOLDER } from "../parity/fixture.js";
import { ROOT } from "./medsam.js";

const WASM = join(ROOT, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist");

/** A file of this folder and all that it imports, as a script that puts its exports into the global `parity`. */
export async function bundleForPage(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "test", "e2e", file)],
    ...{ bundle: true, write: false, format: "iife", globalName: "parity", platform: "browser" },
    ...{ external: ["fs", "path"], define: { "import.meta.url": '"http://localhost/"' }, logLevel: "silent" },
  });
  return outputFiles[0].text;
}

/** A page at `address`, which ends in a slash, with nothing but the script, the fixtures and the WASM files. */
export async function servePageWith(page: Page, address: string, script: string): Promise<void> {
  const isolation = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  await page.route(`${address}**`, (route) => {
    const { pathname } = new URL(route.request().url());
    const name = basename(pathname);
    if (pathname.endsWith("/"))
      return route.fulfill({
        contentType: "text/html",
        headers: isolation,
        body: '<script src="script.js"></script>',
      });
    if (name === "script.js") return route.fulfill({ contentType: "text/javascript", body: script });
    const folder = name.endsWith(".wasm") ? WASM : FOLDER;
    const contentType = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return route.fulfill({ contentType, body: readFileSync(join(folder, name)) });
  });
}
