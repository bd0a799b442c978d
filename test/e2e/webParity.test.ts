import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { layerLimit, modelLimit, predictorLimit } from "../parity/cases.js";
import { expectParity, type LimitName } from "../parity/check.js";
import { computed, fixtureNames, readFixture, type Fixture } from "../parity/fixture.js";
import { sam2Limit } from "../parity/sam2Cases.js";
import { BOX, CLICK } from "../parity/sam2Oracle.js";
import { expectFrame, expectPrompt } from "../parity/sam2Printed.js";
import type * as InPage from "./parityInPage.js";
import { bundleForPage, servePageWith } from "./pageScript.js";
import { PAGE_CAN_RUN, pageFixture } from "./webPage.js";

const KINDS = { layer: "layers", model: "models", predictor: "predictors", sam2: "sam2" } as const;
// Minutes where a processor draws: for CI with --full.
const isAsked = process.env["MEDSAM_TEST_SLOW"] === "1";
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

    const cases = (Object.keys(KINDS) as Kind[]).flatMap((kind) =>
      (kind === "sam2" ? sam2Names(backend) : fixtureNames(`${kind}-`)).map((name) => [kind, name] as const),
    );
    test.each(cases)("%s %s", { timeout: 600_000 }, async (kind, name) => {
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
        [...(kind === "sam2" ? sam2Outputs : computed)(fixture.tensors)].map(([path, value]) => [
          `${name}/${path}`,
          value,
        ]),
      );
      expectParity(`${KINDS[kind]}-chromium.${backend}`, got, expected, limitOf(kind, name));
      expect(differ).toBe(0);
    });

    test.skipIf(!isAsked || !backend.startsWith("webg"))(
      "MedSAM2 at full size gives the printed numbers",
      { timeout: 1_800_000 },
      async () => {
        const { frame, box, click } = await page.evaluate(() =>
          (globalThis as unknown as { parity: typeof InPage }).parity.oracleNumbers(),
        );
        expectFrame(frame);
        expectPrompt(box, BOX);
        expectPrompt(click, CLICK);
      },
    );
  });
});

/** A tracked frame; its twin over a video as well where that takes no minutes, or they are asked for. */
function sam2Names(backend: string): readonly string[] {
  return backend.startsWith("webg") && !isAsked ? ["frame"] : ["frame", "video-correction"];
}

function sam2Outputs(tensors: Fixture["tensors"]): Fixture["tensors"] {
  return new Map([...tensors].filter(([name]) => !name.startsWith("input.")));
}

function limitOf(kind: Kind, name: string): (path: string) => LimitName {
  if (kind === "model") return modelLimit;
  if (kind === "predictor") return predictorLimit;
  if (kind === "sam2") return name === "frame" ? sam2Limit : () => "logits";
  const limit = layerLimit(readFixture(`layer-${name}`));
  return () => limit;
}
