import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startHub, type Hub } from "../unit/weights/hubServer.js";
import { ROOT } from "./medsam.js";
import { goesOn, notice, openWithMask } from "./webGoesOn.js";
import { PAGE_CAN_RUN, pageFixture, ready, started } from "./webPage.js";

const EMBEDDED = readFileSync(join(ROOT, "models", "medsam-tiny.safetensors"));

describe.skipIf(!PAGE_CAN_RUN)("published weights in the page", () => {
  let hub: Hub;
  beforeAll(async () => {
    hub = await startHub({ "wanglab/medsam-vit-base": { files: { "model.safetensors": EMBEDDED } } });
  });
  afterAll(() => hub.close());
  const site = pageFixture(() => ({ hubUrl: hub.url, allow: [hub.storeUrl] }));

  test("are fetched when the button that says from where is pressed, not before, and kept", async () => {
    const { page, said } = await openWithMask(site, "wasm");
    expect(hub.requests).toEqual([]);
    const row = page.locator("#published li").first();
    const host = new URL(hub.url).host;
    expect(await row.locator("span").textContent()).toBe(
      `MedSAM, ViT-B: 375 MB from ${host}/wanglab/medsam-vit-base (Apache-2.0)`,
    );
    hub.trouble.damaged = true;
    await row.getByRole("button").click();
    expect(await notice(page)).toMatch(/^wanglab\/medsam-vit-base: has arrived damaged: its SHA-256 is/);
    hub.trouble.damaged = false;
    expect(await page.locator("#status").textContent()).toBe("medsam-tiny on wasm");
    expect(await page.locator("#score").textContent()).toBe(said);

    await row.getByRole("button").click();
    await page.locator("#status", { hasText: "wanglab/medsam-vit-base on wasm" }).waitFor();
    expect(await page.locator("#stored li span").textContent()).toBe("wanglab/medsam-vit-base, 7 MB");
    hub.requests.length = 0;
    // Another backend takes what was kept, without a word to the hub.
    await page.locator("#backend").selectOption("cpu");
    await started(page, "cpu");
    expect(await page.locator("#status").textContent()).toBe("wanglab/medsam-vit-base on cpu");
    expect(hub.requests).toEqual([]);
    // Asked once more, the hub says that these are they.
    await row.getByRole("button").click();
    await expect.poll(() => hub.requests.length).toBeGreaterThan(1);
    await ready(page, "cpu");
    expect(hub.requests.filter((request) => request.includes("model.safetensors"))).toEqual([]);
    await page.context().close();
  });

  test("that the hub does not give leave the weights before in use", async () => {
    const { page, said } = await openWithMask(site, "wasm");
    hub.trouble.status = 500;
    await page.locator("#published li button").first().click();
    expect(await notice(page)).toMatch(/^hf:wanglab\/medsam-vit-base: http.* answered 500/);
    hub.trouble.status = undefined;
    await goesOn(page, said);
  });
});
