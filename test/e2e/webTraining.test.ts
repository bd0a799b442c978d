import { beforeAll, describe, expect, test } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { trainDecoder, type DecoderTraining } from "./decoderTraining.js";
import type * as InPage from "./parityInPage.js";
import { bundleForPage, servePageWith } from "./pageScript.js";
import { PAGE_CAN_RUN, pageFixture } from "./webPage.js";

// Training of the decoder on a frozen encoder's embeddings, where people have no native library.
let reference: DecoderTraining;
beforeAll(async () => {
  await useBackend("cpu");
  reference = await trainDecoder();
});

function expectSame({ losses, changed }: DecoderTraining): void {
  expect(losses).toHaveLength(12);
  expect(losses[11]).toBeLessThan(losses[0]);
  for (const [step, loss] of losses.entries())
    expect(Math.abs(loss / reference.losses[step] - 1), `loss of step ${step + 1}`).toBeLessThan(1e-4);
  expect(changed).toEqual(reference.changed);
  expect(changed.length).toBeGreaterThan(30);
  expect(changed.every((name) => name.startsWith("mask_decoder."))).toBe(true);
}

test("the decoder trains on WASM in Node as in plain JavaScript", async () => {
  await useBackend("wasm");
  expectSame(await trainDecoder());
});

describe.skipIf(!PAGE_CAN_RUN)("the decoder trains in Chromium as in plain JavaScript", () => {
  const site = pageFixture();

  test.each(["wasm", "webgl"])("on %s", async (backend) => {
    const page = await (await site.context()).newPage();
    const address = `${site.address}training/`;
    await servePageWith(page, address, await bundleForPage("parityInPage.ts"));
    await page.goto(address);
    const result = await page.evaluate(
      async ([name, wasm]) => {
        const { parity } = globalThis as unknown as { parity: typeof InPage };
        await parity.start(name as "wasm", wasm);
        return parity.trainDecoder();
      },
      [backend, address] as const,
    );
    expectSame(result);
    await page.context().close();
  });
});
