import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { readImageFile } from "../../src/image/decode.node.js";
import { attentionMap, attentionOfCell } from "../../src/inspect/attention.js";
import { featureMap, principalComponents } from "../../src/inspect/features.js";
import { componentColours } from "../../src/inspect/heatmap.js";
import { watch, WHOLE, type TracedTensor } from "../../src/inspect/trace.js";
import { loadMedSam } from "../../src/loadMedSam.node.js";
import { SamPredictor } from "../../src/predictor/samPredictor.js";
import { saveSafetensors } from "../../src/weights/safetensors.node.js";
import { liteMedSam } from "./liteWeights.js";
import { SAMPLE } from "./medsam.js";
import {
  accessibilityFaults,
  dragBox,
  maskArrives,
  PAGE_CAN_RUN,
  pageFixture,
  placer,
  started,
} from "./webPage.js";

const BLOCK = "image_encoder.blocks.1";
const SIDE = 16;
/** A pixel of the sample, and its cell of the grid. */
const [PLACE, CELL] = [[150, 240], { row: 7, column: 4 }] as const;

/** What the same model computes of the same image in Node. */
let colours: Uint8Array;
let largest: number[];

describe.skipIf(!PAGE_CAN_RUN)("the panel 'Look inside'", () => {
  const site = pageFixture();

  beforeAll(async () => {
    await useBackend("wasm");
    const model = await loadMedSam();
    const grid = { height: SIDE, width: SIDE };
    const found = new Map<string, TracedTensor>();
    const ofCell = attentionOfCell(CELL, grid);
    await watch(
      model,
      (path) => (path === BLOCK ? [WHOLE] : path === `${BLOCK}.attn.scores` ? [ofCell] : []),
      (path, value) => found.set(path, value),
      async () => new SamPredictor(model, { crop: 0 }).setImage(await readImageFile(SAMPLE)),
    );
    const map = featureMap(found.get(BLOCK)!)!;
    colours = componentColours(map, principalComponents(map), 1).data as Uint8Array;
    const { heads, values } = attentionMap(found.get(`${BLOCK}.attn.scores`)!, CELL, grid);
    largest = Array.from({ length: heads }, (_, head) =>
      Math.max(...values.slice(head * SIDE ** 2, (head + 1) * SIDE ** 2)),
    );
    model.dispose();
  });

  test("shows the tree, a block's activation as in Node, and where each head of it attends", async () => {
    const page = await site.open("wasm");
    const loaded = await scripts(page);
    await page.locator("#inside summary").click();
    await page.locator(`[data-path="${BLOCK}"]`).waitFor();
    expect((await scripts(page)).filter((name) => !loaded.includes(name))).toHaveLength(1);
    expect(await page.locator(`[data-path="${BLOCK}"]`).innerText()).toMatch(
      /blocks\.1\s+1×16×16×192\s+447K/,
    );
    const atFirst = await shown(page);
    const before = await tensors(page);

    await page.locator(`[data-path="${BLOCK}"]`).click();
    const picture = page.locator("#inside figure canvas");
    await picture.waitFor();
    expect(await page.locator("#inside figcaption").textContent()).toContain("[1, 16, 16, 192], −");
    const pixels = await picture.evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      return [...(canvas as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height).data];
    });
    expect(pixels).toHaveLength(4 * SIDE ** 2);
    const differences = pixels.flatMap((value, n) => (n % 4 === 3 ? [] : [Math.abs(value - colours[3 * (n >> 2) + (n % 4)])])); // prettier-ignore
    expect(Math.max(...differences)).toBeLessThanOrEqual(2);

    await page.getByRole("button", { name: "Pick a place" }).click();
    await page.mouse.click(...(await placer(page, 512, 512))(...PLACE));
    const percent = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });
    await expect
      .poll(() => page.locator(".heads small").allTextContents())
      .toEqual(largest.map((share) => `to ${percent.format(share)}`));
    const maps = await page.locator(".heads canvas").evaluateAll((list) => list.map((canvas) => (canvas as HTMLCanvasElement).toDataURL())); // prettier-ignore
    expect(new Set(maps).size).toBe(6);

    const lay = page.getByLabel("Lay it over the image");
    await lay.uncheck();
    const without = await shown(page);
    await page.getByText("Head 3").click();
    expect(await lay.isChecked()).toBe(true);
    await expect.poll(() => shown(page)).not.toBe(without);
    const laid = await shown(page);
    await page.getByText("Head 5").click();
    await expect.poll(() => shown(page)).not.toBe(laid);
    await lay.uncheck();
    await expect.poll(() => shown(page)).toBe(without);
    await lay.check();
    await page.locator("#inside summary").click();
    await page.mouse.move(5, 5);
    await expect.poll(() => shown(page)).toBe(atFirst);
    expect(await tensors(page)).toBe(before);
    // The pointer sets prompts again.
    await dragBox(page, [114, 205, 186, 275]);
    await maskArrives(page);
    await page.context().close();
  });

  test("the keyboard alone opens, chooses, picks and moves", async () => {
    const page = await site.open("wasm");
    await page.locator("#inside summary").focus();
    await page.keyboard.press("Enter");
    await page.locator('[data-path=""]').waitFor();
    await page.keyboard.press("Tab");
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Enter"])
      await page.keyboard.press(key);
    await page.locator("#inside figcaption", { hasText: BLOCK }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Pick a place");
    await page.keyboard.press("Enter");
    await page.locator(".heads label").nth(5).waitFor();
    // From the middle, cell 8, 8, to cell 7, 4.
    for (let n = 0; n < 4; n++) await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowUp");
    const percent = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });
    await expect
      .poll(() => page.locator(".heads small").allTextContents())
      .toEqual(largest.map((share) => `to ${percent.format(share)}`));
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByRole("button", { name: "Pick a place" }).getAttribute("aria-pressed")).toBe("false"); // prettier-ignore
    await page.context().close();
  });

  test("a layer of the decoder asks for a prompt in one line, and shows its output once there is one", async () => {
    const page = await site.open("wasm");
    await page.locator("#inside summary").click();
    await page.locator('[data-path="mask_decoder"]').click();
    const upscaling = page.locator('[data-path="mask_decoder.output_upscaling"]');
    await upscaling.click();
    const notice = page.locator("#notice-text", { hasText: "mask_decoder.output_upscaling computes for a prompt: draw a box or set a point first" }); // prettier-ignore
    await notice.waitFor();
    await page.locator("#notice-close").click();
    await dragBox(page, [114, 205, 186, 275]);
    await maskArrives(page);
    await upscaling.click();
    await page.locator("#inside figcaption", { hasText: "[1, 16, 64, 64]" }).waitFor();
    await page.context().close();
  });

  test("with a box it shows what the model sees of the image, and attention lies there alone", async () => {
    const page = await site.open("wasm");
    const place = await placer(page, 512, 512);
    await dragBox(page, [114, 205, 186, 275]);
    await maskArrives(page);
    await page.locator("#inside summary").click();
    await page.locator(`[data-path="${BLOCK}"]`).click();
    await page.locator("#inside figcaption", { hasText: BLOCK }).waitFor();
    // Twice the box is columns 78 to 222 and rows 168 to 312.
    const pixel = async (x: number, y: number) => {
      const canvas = (await page.locator("#canvas").boundingBox())!;
      const [left, top] = place(x, y);
      return page.evaluate((at) => [...document.querySelector("canvas")!.getContext("2d")!.getImageData(...at, 1, 1).data], [left - canvas.x, top - canvas.y] as const); // prettier-ignore
    };
    const plain = await pixel(90, 300);
    await page.getByRole("button", { name: "Pick a place" }).click();
    await page.mouse.click(...place(150, 240));
    await page.locator(".heads label").nth(5).waitFor();
    await expect.poll(() => pixel(90, 300)).not.toEqual(plain);
    const inside = await pixel(90, 300);
    const outside = await pixel(260, 240);
    await page.getByLabel("Lay it over the image").uncheck();
    await expect.poll(() => pixel(90, 300)).not.toEqual(inside);
    expect(await pixel(260, 240)).toEqual(outside);
    await page.context().close();
  });

  test("LiteMedSAM: its own preset comes with its weights, and its stages are shown", async () => {
    const page = await site.open("wasm");
    const weights = join(site.folder, "lite.safetensors");
    saveSafetensors(weights, liteMedSam());
    await page.locator("#weights-file").setInputFiles(weights);
    await page.locator("#status", { hasText: "lite.safetensors on wasm" }).waitFor();
    const preset = page.locator("#preset");
    expect(await preset.inputValue()).toBe("LiteMedSAM");
    const zoom = page.locator("#crop");
    expect(await zoom.isChecked()).toBe(false);
    await page.locator("#inside summary").click();
    await page.locator('[data-path="image_encoder.layers.2"]').click();
    await page.locator("#inside figcaption", { hasText: "[1, 64, 64, 320]" }).waitFor({ timeout: 60_000 });
    // No block of it attends to the whole image.
    expect(await page.getByRole("button", { name: "Pick a place" }).isVisible()).toBe(false);
    await page.getByRole("button", { name: "Demonstration" }).click();
    await page.locator("#status", { hasText: "medsam-tiny on wasm" }).waitFor();
    expect([await preset.inputValue(), await zoom.isChecked()]).toEqual(["medsam-tiny", true]);
    // What the user has chosen stays.
    await preset.selectOption("MedSAM_demo");
    expect(await zoom.isChecked()).toBe(false);
    await page.locator("#weights-file").setInputFiles(weights);
    await page.locator("#status", { hasText: "lite.safetensors on wasm" }).waitFor();
    expect(await preset.inputValue()).toBe("MedSAM_demo");
    await page.context().close();
  });

  test("computing is cancelled, and goes on with the next choice", async () => {
    const page = await site.open("cpu", { until: started });
    await page.locator("#inside summary").click();
    await page.locator(`[data-path="${BLOCK}"]`).click();
    await page.locator("#activity-what", { hasText: `Looking inside ${BLOCK}` }).waitFor();
    await page.locator("#activity-cancel").click();
    await page.locator("#activity").waitFor({ state: "hidden" });
    await page.waitForTimeout(500);
    expect(await page.locator("#inside figure").isVisible()).toBe(false);
    expect(await page.locator("#notice").isVisible()).toBe(false);
    await page.locator(`[data-path="${BLOCK}"]`).click();
    await page.locator("#inside figcaption", { hasText: BLOCK }).waitFor({ timeout: 60_000 });
    await page.context().close();
  });

  test("axe finds nothing with it open, dark and wide, light and narrow", async () => {
    const page = await site.open("wasm", { context: await site.context({ bypassCSP: true }) });
    await page.locator("#inside summary").click();
    await page.locator(`[data-path="${BLOCK}"]`).click();
    await page.getByRole("button", { name: "Pick a place" }).click();
    await page.locator(".heads label").first().waitFor();
    const looks = [
      ["dark", 1024],
      ["light", 390],
    ] as const;
    expect(await accessibilityFaults(page, looks)).toEqual([]);
    await page.context().close();
  });
});

/** What the viewer shows, to be compared; it draws in the frame after a change. */
function shown(page: Page): Promise<string> {
  return page.locator("#canvas").evaluate(async (canvas) => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    return (canvas as HTMLCanvasElement).toDataURL();
  });
}

/** Scripts that the page itself has loaded. */
function scripts(page: Page): Promise<string[]> {
  return page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.endsWith(".js"))); // prettier-ignore
}

/** Tensors that exist in the model's worker. */
function tensors(page: Page): Promise<number> {
  const worker = page.workers().find((one) => one.url().includes("modelWorker"))!;
  return worker.evaluate(() => (globalThis as unknown as { _tfengine: { state: { numTensors: number } } })._tfengine.state.numTensors); // prettier-ignore
}
