import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GpuCounts } from "../../bench/inPage/gpuCounts.js";
import { CHROMIUM, FLAGS, PAGE_CAN_RUN } from "./webPage.js";

const module = "../../bench/webCounts.mjs";

/**
 * What ViT-B's encoder at 256 asked of a GPU when this was last looked at. Times cannot be held on a GPU that the
 * processor draws; these can. Fewer is better: then lower them here.
 */
const MOST: Readonly<Record<"webgpu" | "webgl", GpuCounts>> = {
  webgpu: { dispatches: 680, bytes: 494_745_872 },
  webgl: { dispatches: 1438, bytes: 575_589_120 },
};

describe.skipIf(!PAGE_CAN_RUN)("an encoding by ViT-B at 256 asks no more of a GPU than it did", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterAll(() => browser?.close());

  test.each(["webgpu", "webgl"] as const)("%s", async (backend) => {
    const { countGpu } = (await import(module)) as { countGpu: (browser: Browser, backend: string) => Promise<GpuCounts> }; // prettier-ignore
    const { dispatches, bytes } = await countGpu(browser, backend);
    const most = MOST[backend];
    expect(dispatches).toBeGreaterThan(most.dispatches / 2);
    expect(dispatches).toBeLessThanOrEqual(most.dispatches);
    expect(bytes).toBeGreaterThan(most.bytes / 2);
    expect(bytes).toBeLessThanOrEqual(most.bytes);
  });
});
