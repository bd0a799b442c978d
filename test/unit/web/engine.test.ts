import { afterEach, expect, test, vi } from "vitest";
import { Engine } from "../../../web/engine.js";
import { MEDSAM_TINY } from "../../../src/predictor/presetTable.js";
import { CROP } from "../../../web/state/document.js";
import { createApp } from "../../../web/state/app.js";
import { turns } from "./fakeModel.js";

afterEach(() => vi.unstubAllGlobals());

test("the page begins with the preset of the weights in the package", () => {
  const { preset, crop } = createApp().value;
  expect([preset, crop ? CROP : 0]).toEqual([MEDSAM_TINY.name, MEDSAM_TINY.crop]);
});

test("other weights are told of before anything more is asked of the worker", async () => {
  const events: string[] = [];
  class FakeWorker extends EventTarget {
    postMessage({ id, method }: { id: number; method: string }): void {
      events.push(method);
      // The lists that the page shows may take their time.
      if (method !== "start" && method !== "load") return;
      const result = method === "start" ? { key: "", name: "wasm" } : { sha256: "11", preset: "MedSAM_demo", presets: [{ name: "MedSAM_demo", crop: false }] }; // prettier-ignore
      this.dispatchEvent(new MessageEvent("message", { data: { id, result } }));
    }
  }
  vi.stubGlobal("Worker", FakeWorker);
  const app = createApp();
  const engine = new Engine(app, ({ sameModel }) => {
    events.push(
      `ready, ${app.value.preset}${app.value.crop ? " with a crop" : ""}, ${sameModel ? "the same" : "other weights"}`,
    );
  });
  void engine.start({ order: ["wasm"], softwareGpu: false });
  await turns();
  expect(events).toEqual(["start", "load", "ready, MedSAM_demo, other weights", "stored", "memory"]);
});
