import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../src/image/decode.js";
import { medsam, ROOT, SAMPLE, temporaryFolder } from "./medsam.js";
import { severalMaskWeights } from "./severalMasks.js";
import { accessibilityFaults, dice, dragBox, maskArrives, PAGE_CAN_RUN, pageFixture, placer, save } from "./webPage.js"; // prettier-ignore

const BOX = [114, 205, 186, 275];
const SMALL = [130, 220, 160, 250];
const OTHER = [318, 302, 378, 362];

describe.skipIf(!PAGE_CAN_RUN)("prompts", () => {
  const site = pageFixture();

  test("the mask while the box is dragged, several objects with names and colours, undo and redo, a label map", async () => {
    const page = await site.open("wasm");
    const place = await placer(page, 512, 512);
    const [x, y] = place((BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2);
    const canvas = (await page.locator("#canvas").boundingBox())!;
    const middle = () => page.evaluate((at) => [...document.querySelector("canvas")!.getContext("2d")!.getImageData(...at, 1, 1).data], [x - canvas.x, y - canvas.y] as const); // prettier-ignore
    const bare = await middle();
    await page.mouse.move(...place(BOX[0], BOX[1]));
    await page.mouse.down();
    await page.mouse.move(...place(BOX[2], BOX[3]), { steps: 3 });
    await expect.poll(middle, { timeout: 20_000 }).not.toEqual(bare);
    expect(await page.locator("#objects li").count()).toBe(0);
    await page.mouse.up();
    await dragBox(page, OTHER);
    await maskArrives(page);
    await page.getByLabel("Name of Object 2, selected").fill("vessel");
    await page.getByLabel("Name of Object 2, selected").press("Tab");
    const names = () => page.locator("#objects .name > *").evaluateAll((list) => list.map((item) => (item instanceof HTMLInputElement ? item.value : item.textContent))); // prettier-ignore
    expect(await names()).toEqual(["Object 1", "vessel"]);
    // Only the selected object's name is a field, and one click or the Tab key leads into it.
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    await page.getByLabel("Select Object 1").click();
    expect(await focused()).toBe("Name of Object 1, selected");
    for (const label of [
      "Hide Object 1",
      "Delete Object 1",
      "Colour of vessel: change it",
      "Name of vessel, selected",
    ]) {
      await page.keyboard.press("Tab");
      expect(await focused()).toBe(label);
    }
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    expect(await focused()).toBe("Name of Object 1, selected");
    expect(await page.locator("#objects input").count()).toBe(1);
    for (const [key, left] of [
      ["Control+z", ["Object 1", "Object 2"]],
      ["Control+z", ["Object 1"]],
      ["Control+Shift+z", ["Object 1", "Object 2"]],
    ] as const) {
      // prettier-ignore
      await page.locator("#canvas").press(key);
      await expect.poll(names).toEqual(left);
    }
    const labels = await decodeLabels(await save(page, "save-labels"), "labels");
    expect(new Set(labels.data)).toEqual(new Set([0, 1, 2]));
    // The middle of the lesion, and the kidney beside its own, which is dark.
    const labelAt = ([x, y]: readonly [number, number]) => labels.data[y * labels.width + x];
    expect([labelAt([150, 240]), labelAt([366, 332])]).toEqual([1, 2]);
    await page.context().close();
  });

  test("points by click and Shift, candidates with scores, refining; all of it comes back from JSON", async () => {
    const context = await site.context();
    const page = await site.open("wasm", { context });
    await dragBox(page, BOX);
    await maskArrives(page);
    const place = await placer(page, 512, 512);
    await page.mouse.click(...place(150, 240));
    await page.keyboard.down("Shift");
    await page.mouse.click(...place(100, 200));
    await page.keyboard.up("Shift");
    // Those in the package never learnt to give several masks.
    expect(await page.locator("#multimask").isVisible()).toBe(false);
    const weights = severalMaskWeights(temporaryFolder());
    await page.locator("#weights-file").setInputFiles(weights);
    await page.locator("#multimask").check();
    const candidates = page.locator("#candidates label");
    await expect.poll(() => candidates.count()).toBe(3);
    for (const text of await candidates.allTextContents()) expect(text).toMatch(/^[123]: -?\d\.\d{3}$/);
    await candidates.nth(2).click();
    await page.locator("#refine").click();
    await expect.poll(() => page.locator("#score").textContent()).toMatch(/refined/);
    const mask = (await decodeImage(await save(page, "save-mask"), "mask")).data;
    const json = Buffer.from(await save(page, "save-json"));
    const [slice] = (JSON.parse(json.toString()) as { objects: { slices: { points: object[]; maskInput: object }[] }[] }).objects[0].slices; // prettier-ignore
    expect(slice.points).toMatchObject([{ label: 1 }, { label: 0 }]);

    const other = await site.open("wasm", { context });
    await other.locator("#weights-file").setInputFiles(weights);
    await other.locator("#status", { hasText: "several.safetensors on wasm" }).waitFor();
    await other
      .locator("#file")
      .setInputFiles({ name: "a.json", mimeType: "application/json", buffer: json });
    await maskArrives(other);
    const again = (await decodeImage(await save(other, "save-mask"), "mask")).data;
    expect(again).toEqual(mask);
    expect(await other.locator("#prompt-warning").isVisible()).toBe(false);
    const buffer = Buffer.from(json.toString().replace(/"box":\s*\[\s*\d+/, '"box": [-30'));
    await other.locator("#file").setInputFiles({ name: "b.json", mimeType: "application/json", buffer });
    await expect.poll(() => other.locator("#prompt-warning").textContent()).toMatch(/^box \[-30,.* lies partly outside the image/); // prettier-ignore
    await context.close();
  });

  test("the zoom shows the model a box's surroundings only, as the command line; JSON brings it back", async () => {
    const context = await site.context();
    const page = await site.open("wasm", { context });
    // On where the weights' preset says so.
    expect(await page.locator("#crop").isChecked()).toBe(true);
    await dragBox(page, SMALL);
    const said = await maskArrives(page);
    await page.locator("#crop").uncheck();
    await page.locator("#score", { hasText: /pixels/, hasNotText: said }).waitFor();
    await page.locator("#crop").check();
    await page.locator("#score", { hasText: said }).waitFor();
    const mask = (await decodeImage(await save(page, "save-mask"), "mask")).data;
    const json = Buffer.from(await save(page, "save-json"));
    const { objects, provenance } = JSON.parse(json.toString()) as { objects: { slices: { box: number[] }[] }[]; provenance: object }; // prettier-ignore
    expect(provenance).toMatchObject({ crop: 2 });
    const out = temporaryFolder();
    medsam(["segment", SAMPLE, "--box", objects[0].slices[0].box.join(), "--out", out]);
    const expected = (await decodeImage(readFileSync(join(out, "sample_mask.png")), "mask")).data;
    expect(dice(mask, expected)).toBeGreaterThanOrEqual(0.99);
    // A point alone says nothing of where to cut: the model sees the whole image.
    await page.locator("#add-object").click();
    await page.mouse.click(...(await placer(page, 512, 512))(400, 100));
    await page.locator("#score", { hasText: /pixels/, hasNotText: said }).waitFor();
    expect(await page.locator("#notice").isVisible()).toBe(false);
    await page.close();

    const again = await site.open("wasm", { context });
    await again
      .locator("#file")
      .setInputFiles({ name: "a.json", mimeType: "application/json", buffer: json });
    await maskArrives(again);
    expect(await again.locator("#crop").isChecked()).toBe(true);
    expect((await decodeImage(await save(again, "save-mask"), "mask")).data).toEqual(mask);
    await context.close();
  });

  test("the keyboard alone draws a box and a point", async () => {
    const page = await site.open("wasm");
    await page.locator("#canvas").focus();
    // The cross begins in the middle, at 256, 256.
    await press(page, "Shift+ArrowLeft", 14);
    await press(page, "Shift+ArrowUp", 5);
    await page.keyboard.press("Enter");
    await press(page, "Shift+ArrowRight", 7);
    await press(page, "Shift+ArrowDown", 7);
    await page.keyboard.press("Enter");
    await maskArrives(page);
    await press(page, "ArrowLeft", 36);
    await press(page, "ArrowUp", 36);
    await page.keyboard.press("o");
    const document = JSON.parse(Buffer.from(await save(page, "save-json")).toString()) as {
      objects: { slices: object[] }[];
    };
    expect(document.objects[0].slices).toMatchObject([
      { box: [116, 206, 186, 276], points: [{ point: [150, 240], label: 0 }] },
    ]);
    await page.context().close();
  });

  test("touch draws with one finger and zooms with two", async () => {
    const context = await site.context({ hasTouch: true, viewport: { width: 390, height: 800 } });
    const page = await site.open("wasm", { context });
    const place = await placer(page, 512, 512);
    const device = await context.newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...points: (readonly [number, number])[]) =>
      device.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) }); // prettier-ignore
    await touch("touchStart", place(114, 205));
    for (const share of [0.3, 0.6, 1]) await touch("touchMove", place(114 + 72 * share, 205 + 70 * share));
    await touch("touchEnd");
    expect(await maskArrives(page)).toMatch(/^[\d,]+ pixels/);
    const before = await page.locator("#canvas").screenshot();
    await touch("touchStart", place(200, 250), place(300, 250));
    await touch("touchMove", place(100, 250), place(400, 250));
    await touch("touchEnd");
    await page.waitForTimeout(300);
    expect((await page.locator("#canvas").screenshot()).equals(before)).toBe(false);
    expect(await page.locator("#objects li").count()).toBe(1);
    await context.close();
  });
});

async function press(page: Page, key: string, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await page.keyboard.press(key);
}

describe.skipIf(!PAGE_CAN_RUN)("the page by itself", () => {
  const site = pageFixture();

  test("asks nothing of any other origin, and the policy says so", async () => {
    const context = await site.context();
    const foreign: string[] = [];
    await context.route(
      (url) => url.origin !== new URL(site.address).origin,
      (route) => {
        foreign.push(route.request().url());
        return route.abort();
      },
    );
    const page = await site.open("wasm", { context });
    await dragBox(page, BOX);
    await maskArrives(page);
    await save(page, "save-json");
    expect(foreign).toEqual([]);
    const refused = await page.evaluate(async () => {
      const said = new Promise<string>((resolve) => document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective))); // prettier-ignore
      await fetch("https://example.org/").catch(() => undefined);
      return said;
    });
    expect([refused, foreign]).toEqual(["connect-src", []]);
    await context.close();
  });

  test("opens without a network after the first visit, and segments", async () => {
    const context = await site.context();
    const page = await site.open("wasm", { context });
    const kept = await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      const [name] = await caches.keys();
      return (await (await caches.open(name)).keys()).map(({ url }) => url);
    });
    // All but the page itself have other names after an update, the checkpoint too.
    const checkpoint = createHash("sha256").update(readFileSync(join(ROOT, "models", "medsam-tiny.safetensors"))).digest("hex"); // prettier-ignore
    const hashed = (url: string) => /\/assets\/.*-[\w-]{8}\.\w+$/.test(url);
    expect(kept.filter((url) => !hashed(url)).sort()).toEqual([`${site.address}index.html`, `${site.address}models/medsam-tiny.safetensors?${checkpoint}`]); // prettier-ignore
    await page.close();
    await context.setOffline(true);
    const again = await site.open("wasm", { context });
    await dragBox(again, BOX);
    expect(await maskArrives(again)).toMatch(/pixels/);
    await context.close();
  });

  test("axe finds nothing, dark and light, wide and narrow", async () => {
    const page = await site.open("wasm", { context: await site.context({ bypassCSP: true }) });
    await dragBox(page, BOX);
    await maskArrives(page);
    await page.locator("#weights-file").setInputFiles(severalMaskWeights(temporaryFolder()));
    await page.locator("#multimask").check();
    await expect.poll(() => page.locator("#candidates label").count()).toBe(3);
    await page.locator("#keys-details summary").click();
    const looks = [
      ["dark", 1024],
      ["light", 1024],
      ["light", 390],
    ] as const;
    expect(await accessibilityFaults(page, looks)).toEqual([]);
    await page.context().close();
  });

  test("the sample that it opens with is the package's", async () => {
    const page = await site.open("wasm");
    const shown = await page.evaluate(async () => {
      const source = performance.getEntriesByType("resource").map(({ name }) => name).find((name) => name.includes("sample")); // prettier-ignore
      return [...new Uint8Array(await (await fetch(source!)).arrayBuffer())];
    });
    expect(Buffer.from(shown).equals(readFileSync(SAMPLE))).toBe(true);
    await page.context().close();
  });
});
