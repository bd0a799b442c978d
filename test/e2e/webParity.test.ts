import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { layerLimit, modelLimit, predictorLimit } from "../parity/cases.js";
import { expectParity, type LimitName } from "../parity/check.js";
import { computed, fixtureNames, FOLDER, readFixture } from "../parity/fixture.js";
import { ROOT } from "./medsam.js";
import type * as InPage from "./parityInPage.js";
import { PAGE_CAN_RUN, pageFixture } from "./webPage.js";

const WASM = join(ROOT, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist");
const KINDS = { layer: "layers", model: "models", predictor: "predictors" } as const;
type Kind = keyof typeof KINDS;

describe.skipIf(!PAGE_CAN_RUN)("the fixtures of PyTorch in Chromium", () => {
  const site = pageFixture();
  let script: string;
  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [join(ROOT, "test", "e2e", "parityInPage.ts")],
      ...{ bundle: true, write: false, format: "iife", globalName: "parity", platform: "browser" },
      ...{
        external: ["fs", "path"],
        define: { "import.meta.url": '"http://localhost/"' },
        logLevel: "silent",
      },
    });
    script = outputFiles[0].text;
  });

  describe.each(["wasm", "cpu", "webgl", "webgpu"] as const)("on %s", (backend) => {
    let page: Page;
    beforeAll(async () => {
      page = await (await site.context()).newPage();
      await serveParity(page, `${site.address}parity/`, script);
      await page.goto(`${site.address}parity/`);
      await page.evaluate(
        ([name, wasm]) =>
          (globalThis as unknown as { parity: typeof InPage }).parity.start(name as "cpu", wasm),
        [backend, `${site.address}parity/`] as const,
      );
    });
    afterAll(() => page?.context().close());

    const cases = (Object.keys(KINDS) as Kind[]).flatMap((kind) => fixtureNames(`${kind}-`).map((name) => [kind, name] as const)); // prettier-ignore
    test.each(cases)("%s %s", async (kind, name) => {
      const fixture = readFixture(`${kind}-${name}`);
      const { tensors, differ } = await page.evaluate(
        ([what, which, address]) =>
          (globalThis as unknown as { parity: typeof InPage }).parity.compute(what, which, address),
        [kind, name, `${kind}-${name}.safetensors`] as const,
      );
      const got = new Map(
        tensors.map(({ name: path, shape, base64 }): [string, TracedTensor] => {
          const bytes = new Uint8Array(Buffer.from(base64, "base64"));
          return [`${name}/${path}`, { shape, values: new Float32Array(bytes.buffer) }];
        }),
      );
      const expected = new Map(
        [...computed(fixture.tensors)].map(([path, value]) => [`${name}/${path}`, value]),
      );
      expectParity(`${KINDS[kind]}-chromium.${backend}`, got, expected, limitOf(kind, name));
      expect(differ).toBe(0);
    });
  });
});

function limitOf(kind: Kind, name: string): (path: string) => LimitName {
  if (kind === "model") return modelLimit;
  if (kind === "predictor") return predictorLimit;
  const limit = layerLimit(readFixture(`layer-${name}`));
  return () => limit;
}

/** A page with nothing but the script, the fixtures and the WASM files. */
async function serveParity(page: Page, address: string, script: string): Promise<void> {
  const isolation = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
  };
  await page.route(`${address}**`, (route) => {
    const name = basename(new URL(route.request().url()).pathname);
    if (name === "parity")
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
