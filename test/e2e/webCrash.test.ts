import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page, Worker } from "playwright-core";
import { describe, expect, test } from "vitest";
import { encodePng } from "../../src/image/encode.js";
import { SAMPLE } from "./medsam.js";
import { sleepyBrowser } from "./sleepyBrowser.js";
import { anotherIsDrawn, BOX, goesOn, notice, openWithMask } from "./webGoesOn.js";
import { dragBox, dropFile, maskArrives, openFiles, PAGE_CAN_RUN, pageFixture, ready, started } from "./webPage.js"; // prettier-ignore

/** TensorFlow.js's own table of backends, in a worker. */
declare const _tfengine: {
  readonly registry: {
    readonly webgl: { readonly gpgpu: { readonly gl: WebGLRenderingContext } };
    readonly webgpu: {
      readonly device: { destroy(): void; createBuffer(options: { size: number; usage: number }): void };
    };
    readonly wasm: { readonly wasm: { _malloc(bytes: number): number } };
  };
};

describe.skipIf(!PAGE_CAN_RUN)("what ends in the middle is said, and the work goes on", () => {
  const site = pageFixture();
  const workerOf = (page: Page, name: string): Worker => page.workers().find((worker) => worker.url().includes(name))!; // prettier-ignore

  /** The next backend is offered, not one that failed; taking it brings the mask, and more can be drawn. */
  async function goesOnElsewhere(page: Page, backend: "wasm" | "cpu"): Promise<void> {
    expect(await page.locator("#objects li").count()).toBe(1);
    await page.getByRole("button", { name: /^Go on with / }).click();
    await page.locator("#status", { hasText: `on ${backend}` }).waitFor({ timeout: 60_000 });
    await goesOn(page, await maskArrives(page));
  }

  test("a tab that sleeps in the middle goes on when it wakes", async () => {
    const page = await site.open("cpu", { context: await sleepyBrowser(), until: started });
    const told = await page.evaluateHandle(() => {
      const events: string[] = [];
      for (const name of ["freeze", "resume"]) document.addEventListener(name, () => events.push(name));
      return events;
    });
    const device = await page.context().newCDPSession(page);
    await page.locator("#crop").uncheck(); // encodes at once
    await page.locator("#activity").waitFor();
    await dragBox(page, BOX);
    await device.send("Page.setWebLifecycleState", { state: "frozen" });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await device.send("Page.setWebLifecycleState", { state: "active" });
    // It slept indeed: where a tab may not, nothing says so.
    expect(await told.jsonValue()).toEqual(["freeze", "resume"]);
    // Awake, it is still hidden until its window turns from another tab to it.
    await page.context().newPage();
    await page.bringToFront();
    await page.waitForFunction(() => document.visibilityState === "visible", undefined, { polling: 100 });
    await anotherIsDrawn(page, await maskArrives(page));
  });

  test("a tab that was thrown away while it slept comes back with its prompts", async () => {
    const { page, said } = await openWithMask(site, "wasm");
    const other = join(site.folder, "other.png");
    writeFileSync(other, encodePng({ width: 300, height: 200, channels: 1, data: new Uint8Array(60_000).fill(9) })); // prettier-ignore
    await openFiles(page, other, "300 × 200");
    await dragBox(page, [20, 20, 90, 90], [300, 200]);
    await page.locator("#crop").uncheck();
    await maskArrives(page);
    await page.reload();
    await ready(page, "wasm");
    expect(await notice(page)).toMatch(/loaded anew.*other\.png are kept: open that image again/);
    expect(await maskArrives(page)).toBe(said);
    await page.locator("#file").setInputFiles(other);
    await page.locator("#image-facts", { hasText: "300 × 200" }).waitFor();
    expect(await page.locator("#objects li").count()).toBe(1);
    expect(await page.locator("#crop").isChecked()).toBe(false);
    await maskArrives(page);
    await page.context().close();
  });

  test("a WebGL context that is lost in the middle", async () => {
    const page = await site.open("webgl", { until: started });
    await dragBox(page, BOX);
    await workerOf(page, "modelWorker").evaluate(() =>
      _tfengine.registry.webgl.gpgpu.gl.getExtension("WEBGL_lose_context")!.loseContext(),
    );
    expect(await notice(page)).toMatch(/^The webgl backend stopped: .*context.*prompts are kept/);
    await goesOnElsewhere(page, "wasm");
  });

  test("a WebGPU device that is lost in the middle", async () => {
    const page = await site.open("webgpu", { until: started });
    await dragBox(page, BOX);
    await workerOf(page, "modelWorker").evaluate(() => _tfengine.registry.webgpu.device.destroy());
    expect(await notice(page)).toMatch(/^The webgpu backend stopped: the WebGPU device was lost .*prompts are kept/); // prettier-ignore
    await goesOnElsewhere(page, "wasm");
  });

  test("WebGPU that refuses an order, here for more memory than there is", async () => {
    const page = await site.open("webgpu", { until: started });
    await workerOf(page, "modelWorker").evaluate(() => _tfengine.registry.webgpu.device.createBuffer({ size: 2 ** 45, usage: 128 })); // prettier-ignore
    await dragBox(page, BOX);
    expect(await notice(page)).toMatch(/^The webgpu backend stopped: WebGPU refused an order: .*prompts are kept/); // prettier-ignore
    await goesOnElsewhere(page, "wasm");
  });

  test("memory that runs out", async () => {
    const { page } = await openWithMask(site, "wasm");
    await workerOf(page, "modelWorker").evaluate(() => {
      // Places that are asked for and not written to: this takes addresses, not the machine's memory.
      const take = (bytes: number) => {
        try {
          while (_tfengine.registry.wasm.wasm._malloc(bytes) !== 0);
        } catch {
          // Full.
        }
      };
      for (let bytes = 2 ** 28; bytes >= 2 ** 16; bytes /= 8) take(bytes);
    });
    await page.locator("#preset").selectOption("MedSAM_demo"); // encodes anew, which asks for the mask again
    expect(await notice(page)).toMatch(/^The wasm backend stopped: out of memory: .* bytes more.*prompts are kept/); // prettier-ignore
    await goesOnElsewhere(page, "cpu");
  });

  const crash = (worker: Worker) =>
    worker.evaluate(() => {
      setTimeout(() => {
        throw new Error("boom");
      });
    });

  test("the model's worker crashes", async () => {
    const { page } = await openWithMask(site, "wasm");
    await crash(workerOf(page, "modelWorker"));
    expect(await notice(page)).toMatch(/^The wasm backend stopped: .*boom.*prompts are kept/);
    await goesOnElsewhere(page, "cpu");
  });

  test("the reader of images crashes; the image is opened again, by dropping it", async () => {
    const { page, said } = await openWithMask(site, "wasm");
    await crash(workerOf(page, "imageWorker"));
    expect(await notice(page)).toMatch(/^the reader of images stopped: .*boom.*open the image again/);
    await dropFile(page, SAMPLE);
    await page.locator("#notice").waitFor({ state: "hidden" });
    expect(await page.locator("#stage").getAttribute("class")).toBe("stage");
    expect(await page.locator("#objects li").count()).toBe(1);
    await goesOn(page, said);
  });
});
