import type { Page } from "playwright-core";
import { expect } from "vitest";
import { dragBox, maskArrives, save, type pageFixture } from "./webPage.js";

/** Two things of the sample. */
export const BOX = [114, 205, 186, 275];
const OTHER = [318, 302, 378, 362];

/** The page with one object, and what it says of its mask. */
export async function openWithMask(
  site: ReturnType<typeof pageFixture>,
  backend: string,
): Promise<{ page: Page; said: string }> {
  const page = await site.open(backend);
  await dragBox(page, BOX);
  return { page, said: await maskArrives(page) };
}

/** What the page tells the user. */
export async function notice(page: Page): Promise<string> {
  const text = page.locator("#notice-text", { hasText: /./ });
  await text.waitFor({ timeout: 60_000 });
  return (await text.textContent())!;
}

/** The object and its mask are still there, another one can be drawn, and both can be saved. */
export async function goesOn(page: Page, said: string): Promise<void> {
  await anotherIsDrawn(page, said);
  await volumeIsSaved(page);
  await page.context().close();
}

/** A volume gets its place from the reader of images, which must still have the image that is shown. */
export async function volumeIsSaved(page: Page): Promise<void> {
  expect((await save(page, "save-nifti")).length).toBeGreaterThan(0);
}

/** The object and its mask are still there, and another one can be drawn. */
export async function anotherIsDrawn(page: Page, said: string): Promise<void> {
  expect(await page.locator("#score").textContent()).toBe(said);
  await dragBox(page, OTHER);
  await expect.poll(() => page.locator("#objects li").count()).toBe(2);
  expect(await maskArrives(page)).not.toBe(said);
}
