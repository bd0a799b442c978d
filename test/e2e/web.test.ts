import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeImage } from "../../src/image/decode.js";
import { commandLineMask, DEMO, DEMO_BOX as BOX } from "./demoImage.js";
import { dice, dragBox, maskArrives, openFiles, PAGE_CAN_RUN, pageFixture, save, started } from "./webPage.js"; // prettier-ignore

if (!existsSync(DEMO)) console.warn(`skipped: the main path needs ${DEMO}`);

describe.skipIf(!PAGE_CAN_RUN || !existsSync(DEMO))(
  "the main path, from file to mask to file and back",
  () => {
    const site = pageFixture();

    test.each(["wasm", "cpu", "webgl", "webgpu"])("%s gives the command line's mask", async (backend) => {
      const context = await site.context();
      const page = await site.open(backend, { context, until: started });
      const [width, height] = await openFiles(page, DEMO, "img_demo.png").then(() => demoSize());
      await dragBox(page, BOX, [width, height]);
      await maskArrives(page);
      const mask = await save(page, "save-mask");
      const json = await save(page, "save-json");

      const pixels = (await decodeImage(mask, "mask")).data;
      expect(new Set(pixels)).toEqual(new Set([0, 255]));
      expect(dice(pixels, await commandLineMask())).toBeGreaterThanOrEqual(0.99);
      const { objects } = JSON.parse(Buffer.from(json).toString()) as { objects: { slices: { box: number[] }[] }[] }; // prettier-ignore
      for (const [side, value] of objects[0].slices[0].box.entries())
        expect(Math.abs(value - BOX[side])).toBeLessThanOrEqual(1);

      await page.close();
      const again = await site.open(backend, { context, until: started });
      await openFiles(again, DEMO, "img_demo.png");
      const file = { name: "prompts.json", mimeType: "application/json", buffer: Buffer.from(json) };
      await again.locator("#file").setInputFiles(file);
      await maskArrives(again);
      expect(dice((await decodeImage(await save(again, "save-mask"), "mask")).data, pixels)).toBe(1);
      await context.close();
    });
  },
);

async function demoSize(): Promise<[number, number]> {
  const { width, height } = await decodeImage(readFileSync(DEMO), DEMO);
  return [width, height];
}
