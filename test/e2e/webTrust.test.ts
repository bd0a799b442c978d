import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Golden } from "../../src/backend/selfTest.js";
import { encodePng } from "../../src/image/encode.js";
import { ROOT } from "./medsam.js";
import { BOX, goesOn, notice, openWithMask } from "./webGoesOn.js";
import { dragBox, maskArrives, openFiles, PAGE_CAN_RUN, pageFixture, ready, started } from "./webPage.js";

describe.skipIf(!PAGE_CAN_RUN)("what the page says of itself", () => {
  const site = pageFixture();

  test("while it starts, and when it is ready: model, parameters, backend, device, self-test, memory, what is passed over", async () => {
    const page = await (await site.context()).newPage();
    await page.addInitScript(() => {
      const said = ((globalThis as unknown as { said: string[] }).said = []) as string[];
      document.addEventListener("DOMContentLoaded", () => {
        const status = document.getElementById("status")!;
        new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
      });
    });
    await page.goto(`${site.address}?backend=wasm`);
    await ready(page, "wasm");
    const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
    expect([...new Set(said)]).toEqual(["Starting the model", "Loading weights", "medsam-tiny on wasm"]);
    const facts = page.locator("#model-facts");
    for (const told of [
      /Parameters3,\d{3},\d{3}/,
      /Backendwasm/,
      /DeviceWebAssembly, SIMD, \d+ thread/,
      /Self-testpassed, differs by \de-\d/,
      /Memory\d+ MB/,
    ])
      // prettier-ignore
      expect(await facts.textContent()).toMatch(told);
    // By itself it takes the first that is no GPU drawn by the processor, as both of this browser's are.
    await page.goto(site.address);
    await ready(page, "wasm");
    expect(await facts.textContent()).toMatch(
      /Self-testpassed before on this device.*Not usedwebgpu: the only WebGPU device is drawn by the processor \(.*\); webgl: the only WebGL device is drawn by the processor \(.*\)$/,
    );
    await page.context().close();
  });

  test("a backend that computes wrong numbers is refused with the numbers, and the next one offered", async () => {
    const page = await (await site.context()).newPage();
    await page.route(/golden/, async (route) => {
      const response = await route.fetch();
      const golden = (await response.json()) as Golden;
      const modules = golden.modules.map((module) => {
        if (module.path !== "image_encoder.blocks.1") return module;
        // A hundredth of its largest value: what half precision and a bad driver do.
        const values = module.values.map((value, n) => (n === 3 ? value + 0.01 * module.scale : value));
        return { ...module, values };
      });
      await route.fulfill({ response, json: { ...golden, modules } });
    });
    await page.goto(`${site.address}?backend=wasm`);
    expect(await notice(page)).toMatch(/wasm: it computes wrong numbers on this device: image_encoder\.blocks\.1 departs from its golden values by 1\.0 % of its largest, 0\.01 % are allowed/); // prettier-ignore
    await page.unroute(/golden/);
    await page.getByRole("button", { name: /^Go on with / }).click();
    await ready(page, "cpu");
    await dragBox(page, BOX);
    expect(await maskArrives(page)).toMatch(/pixels/);
    await page.context().close();
  });

  test("encoding is cancelled, and goes on with the next prompt", async () => {
    const page = await site.open("cpu", { until: started });
    await page.locator("#crop").uncheck();
    await page.locator("#activity-what", { hasText: /^Encoding with/ }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#activity").waitFor({ state: "hidden" });
    await page.waitForTimeout(500);
    expect(await page.locator("#activity").isVisible()).toBe(false);
    const encoded = () => page.evaluate(() => performance.getEntriesByName("medsam encode").length);
    const before = await encoded();
    await dragBox(page, BOX);
    await maskArrives(page);
    expect(await encoded()).toBe(before + 1);
    await page.context().close();
  });

  test("other weights, then another backend, are chosen while those before encode", async () => {
    const page = await site.open("cpu", { until: started });
    await page.locator("#crop").uncheck();
    await page.locator("#weights-file").setInputFiles(join(ROOT, "models", "medsam-tiny.safetensors"));
    await page.locator("#activity-what", { hasText: /^Encoding with medsam-tiny\.safetensors$/ }).waitFor();
    const encoded = () => page.evaluate(() => performance.getEntriesByName("medsam encode").length);
    const before = await encoded();
    await page.locator("#embedded").click();
    await page.locator("#activity-what", { hasText: /^Encoding with medsam-tiny$/ }).waitFor();
    expect(await encoded()).toBe(before);
    expect(await page.locator("#notice").isVisible()).toBe(false);
    await page.locator("#backend").selectOption("wasm");
    await ready(page, "wasm");
    expect(await page.locator("#notice").isVisible()).toBe(false);
    await dragBox(page, BOX);
    await maskArrives(page);
    await page.context().close();
  });

  test("weights by address: progress and cancel, then in use and kept", async () => {
    const { page, said } = await openWithMask(site, "wasm");
    const address = `${site.address}models/medsam-tiny.safetensors?mine`;
    let finish: () => void = () => undefined;
    await page.context().route(address, async (route) => {
      await new Promise<void>((resolve) => (finish = resolve));
      await route.continue().catch(() => undefined);
    });
    await page.locator("#url").fill(address);
    await page.locator("#url-form button").click();
    await page.locator("#activity-what", { hasText: "Loading weights" }).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#activity").waitFor({ state: "hidden" });
    finish();
    expect(await page.locator("#status").textContent()).toBe("medsam-tiny on wasm");
    expect(await page.locator("#notice").isVisible()).toBe(false);
    await page.context().unroute(address);
    await page.locator("#url-form button").click();
    await page.locator("#status", { hasText: "medsam-tiny.safetensors on wasm" }).waitFor();
    expect(await page.locator("#stored li span").textContent()).toBe("medsam-tiny.safetensors, 7 MB");
    // The same values: the same mask.
    await page.locator("#score", { hasText: said.split(" pixels")[0] }).waitFor();
    await page.context().close();
  });

  test("a window that changes its size keeps the place that one zoomed to", async () => {
    const { page, said } = await openWithMask(site, "wasm");
    const canvas = (await page.locator("#canvas").boundingBox())!;
    const middle = [canvas.x + canvas.width / 2, canvas.y + canvas.height / 2] as const;
    await page.mouse.move(...middle);
    await page.mouse.wheel(0, -600);
    const place = page.locator("#hover");
    const before = await place.textContent();
    await page.setViewportSize({ width: 900, height: 800 });
    await page.waitForTimeout(300);
    const after = (await page.locator("#canvas").boundingBox())!;
    await page.mouse.move(after.x + after.width / 2, after.y + after.height / 2);
    expect(await place.textContent()).toBe(before);
    await page.locator("#zoom-fit").click();
    await goesOn(page, said);
  });

  test("an image of 16 bits and 8 million pixels is shown without the page making its picture", async () => {
    const page = await site.open("wasm");
    const large = join(site.folder, "large.png");
    const data = Uint16Array.from({ length: 3000 * 2700 }, (_, n) => (n * 7) % 60_000);
    writeFileSync(large, encodePng({ width: 3000, height: 2700, channels: 1, data }));
    await page.evaluate(() => {
      // Making 8 bits of it takes longer than a page may stand still.
      const refuse = () => {
        throw new Error("the page made a picture itself");
      };
      CanvasRenderingContext2D.prototype.putImageData = refuse;
      OffscreenCanvasRenderingContext2D.prototype.putImageData = refuse;
    });
    await openFiles(page, large, "3000 × 2700");
    const pixel = () => page.evaluate(() => [...document.querySelector("canvas")!.getContext("2d")!.getImageData(300, 300, 1, 1).data]); // prettier-ignore
    await expect.poll(async () => (await pixel())[3]).toBe(255);
    await page.context().close();
  });
});
