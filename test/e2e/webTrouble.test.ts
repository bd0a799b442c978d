import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crc32 } from "../../src/image/crc32.js";
import { safetensorsBytes } from "../../src/weights/safetensorsWriter.js";
import { ROOT, SAMPLE } from "./medsam.js";
import { anotherIsDrawn, BOX, notice, openWithMask, volumeIsSaved } from "./webGoesOn.js";
import { dragBox, maskArrives, PAGE_CAN_RUN, pageFixture } from "./webPage.js";

const TINY = join(ROOT, "models", "medsam-tiny.safetensors");

describe.skipIf(!PAGE_CAN_RUN)("what goes wrong is said, and the page goes on", () => {
  const site = pageFixture();
  /** One page for what it refuses: as it goes on each time, with its image and object. */
  let [page, said]: [Page, string] = [undefined as unknown as Page, ""];
  beforeAll(async () => {
    ({ page, said } = await openWithMask(site, "wasm"));
  }, 120_000);
  afterAll(() => page?.context().close());

  /** Another object can be drawn and taken back, all can be saved, and what was said goes when it is closed. */
  async function goesOnAsBefore(): Promise<void> {
    await page.locator("#notice-close").click();
    await page.locator("#notice").waitFor({ state: "hidden" });
    await anotherIsDrawn(page, said);
    await volumeIsSaved(page);
    await page.locator("#canvas").press("Control+z");
    await page.locator("#score", { hasText: said }).waitFor();
    expect(await page.locator("#objects li").count()).toBe(1);
  }

  const sample = readFileSync(SAMPLE);

  test.each([
    [
      "a picture that is cut off",
      "cut.png",
      sample.subarray(0, 20_000),
      /^cut\.png: damaged PNG: is cut off/,
    ],
    ["a picture of 20,000 x 20,000", "large.png", hugePng(), /20000 x 20000 pixels are more than the limit/],
    ["text that is called a picture", "notes.png", Buffer.from("hello, this is text\n".repeat(30)), /^notes\.png: is no PNG, .* or npz file/], // prettier-ignore
    ["gzip's beginning that is called a volume", "a.nii.gz", gzipSync(Buffer.alloc(4000)).subarray(0, 20), /^a\.nii\.gz: is cut off inside its compression/], // prettier-ignore
    ["fewer bytes of gzip than it needs, called a volume", "a.nii.gz", Buffer.from("1f8b0800", "hex"), /^a\.nii\.gz: is no .*NIfTI/], // prettier-ignore
    ["JSON that holds no prompts", "a.json", Buffer.from("{}"), /^a\.json: .*expected "format"/],
    ["an empty file", "empty.png", Buffer.alloc(0), /^empty\.png: is no PNG, .*starts with: nothing/],
  ])("%s", async (_, name, buffer, expected) => {
    await page.locator("#file").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    expect(await notice(page)).toMatch(expected);
    expect(await page.locator("#image-facts").textContent()).toMatch(/^sample\.png/);
    await goesOnAsBefore();
  });

  const other = safetensorsBytes([{ name: "fc.weight", dtype: "F32", shape: [1], bytes: () => new Uint8Array(4) }]); // prettier-ignore
  test.each([
    ["text", "model.pth", Buffer.from("<!doctype html>"), /model\.pth: is no checkpoint: it is a web page/],
    ["another model", "other.safetensors", Buffer.from(other), /other\.safetensors: .*SAM/],
    ["a cut one", "cut.safetensors", readFileSync(TINY).subarray(0, 1e6), /^cut\.safetensors: truncated: /],
  ])("a wrong checkpoint: %s", async (_, name, buffer, expected) => {
    await page.locator("#weights-file").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    expect(await notice(page)).toMatch(expected);
    expect(await page.locator("#status").textContent()).toBe("medsam-tiny on wasm");
    await goesOnAsBefore();
  });

  test("an address on another origin is refused with what to do", async () => {
    // It would answer, and its server permits it: here too it is the page's own policy that refuses.
    const asked: string[] = [];
    await page.context().route("https://example.org/**", (route) => {
      asked.push(route.request().url());
      return route.fulfill({ path: TINY, headers: { "Access-Control-Allow-Origin": "*" } });
    });
    await page.locator("#url").fill("https://example.org/medsam.pth");
    await page.locator("#url-form button").click();
    expect(await notice(page)).toMatch(/example\.org.*cannot be fetched.*medsam web --allow/);
    expect(asked).toEqual([]);
    await goesOnAsBefore();
  });

  test("weights are kept under their hash, used again, deleted; and cancelled by nobody's harm", async () => {
    const { page } = await openWithMask(site, "wasm");
    const weights = join(site.folder, "mine.safetensors");
    writeFileSync(weights, readFileSync(TINY));
    await page.locator("#weights-file").setInputFiles(weights);
    await page.locator("#status", { hasText: "mine.safetensors on wasm" }).waitFor();
    expect(await page.locator("#stored li span").textContent()).toBe("mine.safetensors, 7 MB");
    await page.reload();
    await page.getByRole("button", { name: "Use mine.safetensors" }).click();
    await page.locator("#status", { hasText: "mine.safetensors on wasm" }).waitFor();
    await dragBox(page, BOX);
    await maskArrives(page);
    await page.getByRole("button", { name: "Delete mine.safetensors" }).click();
    await expect.poll(() => page.locator("#stored li").count()).toBe(0);
    await page.context().close();
  });

  test("a full private file system: the weights are used, and the page says that they are not kept", async () => {
    const { page } = await openWithMask(site, "wasm");
    // Room to begin the file, not for all of it. What opens the page without a network takes room too, once it is kept.
    const used = await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      return (await navigator.storage.estimate()).usage!;
    });
    const device = await page.context().newCDPSession(page);
    await device.send("Storage.overrideQuotaForOrigin", {
      origin: new URL(site.address).origin,
      quotaSize: used + 1_000_000,
    });
    await page.locator("#weights-file").setInputFiles(TINY);
    // In brackets are the browser's words: of its quota, or of a pipe that broke when that was reached.
    expect(await notice(page)).toMatch(
      /^medsam-tiny\.safetensors is in use, but could not be kept for the next time: its 8 MB could not be written \((.*quota.*|Failed to write data .*)\)\. Delete other models, or open the file again then\.$/i,
    );
    await page.locator("#status", { hasText: "medsam-tiny.safetensors on wasm" }).waitFor();
    expect(await page.locator("#stored li").count()).toBe(0);
    // Nothing half written is left to take up room.
    const left = await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
      const names: string[] = [];
      for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys())
        names.push(name);
      return names;
    });
    expect(left).toEqual([]);
    await maskArrives(page);
    await page.context().close();
  });
});

/** A PNG whose header says 20,000 x 20,000. */
function hugePng(): Buffer {
  const header = Buffer.from("49484452" + "00004e20" + "00004e20" + "0800000000", "hex");
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(header) >>> 0);
  return Buffer.concat([Buffer.from("89504e470d0a1a0a0000000d", "hex"), header, check, Buffer.alloc(100)]);
}
