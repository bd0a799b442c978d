import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { layerLimit, modelLimit, predictorLimit } from "../parity/cases.js";
import { expectParity, type LimitName } from "../parity/check.js";
import { computed, fixtureNames, readFixture } from "../parity/fixture.js";
import type * as InPage from "./parityInPage.js";
import { bundleForPage, servePageWith } from "./pageScript.js";
import { PAGE_CAN_RUN, pageFixture } from "./webPage.js";

const KINDS = { layer: "layers", model: "models", predictor: "predictors" } as const;
type Kind = keyof typeof KINDS;

describe.skipIf(!PAGE_CAN_RUN)("the fixtures of PyTorch in Chromium", () => {
  const site = pageFixture();
  let script: string;
  beforeAll(async () => {
    script = await bundleForPage("parityInPage.ts");
  });

  describe.each(["wasm", "cpu", "webgl", "webgpu"] as const)("on %s", (backend) => {
    let page: Page;
    beforeAll(async () => {
      page = await (await site.context()).newPage();
      await servePageWith(page, `${site.address}parity/`, script);
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
