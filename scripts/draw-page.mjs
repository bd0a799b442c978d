// node scripts/draw-page.mjs [FOLDER]: pictures of the built page at 390, 1024 and 1920 pixels, light and dark,
// with the panel 'Look inside' too; one of each goes to docs/images/. Needs npm run build, npm run build:web and Chromium.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { servePage } from "../dist/cli/webServer.js";

const folder = process.argv[2] ?? "out/page";
mkdirSync(folder, { recursive: true });
const server = new AbortController();
const { address } = await servePage({ port: 0, host: "localhost" }, server.signal);
const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
for (const [width, height] of [
  [390, 844],
  [1024, 768],
  [1920, 1080],
])
  // prettier-ignore
  for (const colorScheme of ["dark", "light"]) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme });
    await page.goto(`${address}?backend=wasm`);
    await page.locator("#status", { hasText: "on wasm" }).waitFor();
    const canvas = await page.locator("#canvas").boundingBox();
    const scale = Math.min(canvas.width - 24, canvas.height - 24) / 512;
    const place = (x, y) => [canvas.x + (canvas.width - 512 * scale) / 2 + x * scale, canvas.y + (canvas.height - 512 * scale) / 2 + y * scale]; // prettier-ignore
    for (const [x0, y0, x1, y1] of [[318, 302, 378, 362], [114, 205, 186, 275]]) { // prettier-ignore
      await page.mouse.move(...place(x0, y0));
      await page.mouse.down();
      await page.mouse.move(...place(x1, y1), { steps: 5 });
      await page.mouse.up();
      await page.locator("#score", { hasText: "pixels" }).waitFor();
    }
    await page.getByLabel("Name of Object 2, selected").fill("lesion");
    await page.getByLabel("Name of Object 2, selected").blur();
    await page.mouse.move(...place(150, 240));
    await page.locator("#activity").waitFor({ state: "hidden" });
    await page.screenshot({ path: join(folder, `${width}-${colorScheme}.png`), fullPage: width < 800 });
    const isKept = width === 1024 && colorScheme === "dark";
    if (isKept) await page.screenshot({ path: "docs/images/page.png" });
    await lookInside(page, place);
    await page.screenshot({ path: join(folder, `${width}-${colorScheme}-inside.png`), fullPage: width < 800 });
    if (isKept) await page.screenshot({ path: "docs/images/page-inside.png" });
    await page.close();
  }
await browser.close();
server.abort();

/** Where the lesion looks in block 3, whose heads attend to the whole image. */
async function lookInside(page, place) {
  await page.locator("#inside summary").click();
  await page.locator('[data-path="image_encoder.blocks.3"]').click();
  await page.getByRole("button", { name: "Pick a place" }).click();
  await page.mouse.click(...place(150, 240));
  await page.mouse.move(2, 2);
  await page.getByText("Head 1").click();
  await page.locator("#activity").waitFor({ state: "hidden" });
  await page.locator(".laying").scrollIntoViewIfNeeded();
  await page.waitForTimeout(500);
}
