import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { servePage } from "../../src/cli/webServer.js";
import { decodeImage } from "../../src/image/decode.js";
import { fit, toCanvas } from "../../web/view/transform.js";
import { commandLineMask, DEMO, DEMO_BOX } from "./demoImage.js";
import { Firefox } from "./firefox.js";
import { dice, PAGE_CAN_RUN } from "./webPage.js";

if (!existsSync(DEMO)) console.warn(`skipped: Firefox's path needs ${DEMO}`);

describe.skipIf(!PAGE_CAN_RUN || !existsSync(DEMO))("Firefox ESR", () => {
  const server = new AbortController();
  let address: string;
  let firefox: Firefox | undefined;
  beforeAll(async () => {
    ({ address } = await servePage({ port: 0, host: "localhost" }, server.signal));
    firefox = await Firefox.start();
  });
  afterAll(async () => {
    await firefox?.close();
    server.abort();
  });

  test("walks the main path on wasm, with threads, and gives the command line's mask", async () => {
    const page = firefox!;
    const text = (id: string) => `document.getElementById("${id}").textContent`;
    await page.open(`${address}?backend=wasm`);
    await page.until(`${text("status")}.includes("on wasm")`);
    expect(await page.evaluate(text("model-facts"))).toMatch(/SIMD, \d+ threads.*passed/);

    await page.setFiles("#file", [join(DEMO)]);
    await page.until(`${text("image-facts")}.startsWith("img_demo.png")`);
    await page.until(`document.getElementById("activity").hidden`);
    const box = await page.evaluate<{ x: number; y: number; width: number; height: number }>(`document.getElementById("canvas").getBoundingClientRect().toJSON()`); // prettier-ignore
    const [width, height] = (await page.evaluate<string>(text("image-facts"))).match(/\d+ × \d+/)![0].split(" × ").map(Number); // prettier-ignore
    const place = (x: number, y: number): [number, number] => {
      const [left, top] = toCanvas(fit({ width, height }, box), [x, y]);
      return [box.x + left, box.y + top];
    };
    const [x0, y0, x1, y1] = DEMO_BOX;
    await page.drag([place(x0, y0), place((x0 + x1) / 2, (y0 + y1) / 2), place(x1, y1)]);
    await page.until(`${text("score")}.includes("pixels")`);

    // The file that is saved, from where the page hands it to the browser.
    await page.evaluate(`void (URL.createObjectURL = ((make) => (blob) => ((window.saved = blob), make.call(URL, blob)))(URL.createObjectURL))`); // prettier-ignore
    await page.evaluate(`void document.getElementById("save-mask").click()`);
    await page.until("window.saved");
    const bytes = await page.evaluate<number[]>(`window.saved.arrayBuffer().then((buffer) => [...new Uint8Array(buffer)])`); // prettier-ignore
    const { data } = await decodeImage(Uint8Array.from(bytes), "mask");
    expect(dice(data, await commandLineMask())).toBeGreaterThanOrEqual(0.99);
  });
});
