import { afterEach, expect, test, vi } from "vitest";
import type { Images } from "../../../web/images.js";
import { labelMaps, savingMenu } from "../../../web/saving.js";
import { edit, sessionOf } from "../../../web/state/app.js";
import { addObject, placeBox } from "../../../web/state/session.js";
import { WorkerCrash } from "../../../web/workers/rpc.js";
import { FakeModel, turns } from "./fakeModel.js";

afterEach(() => vi.unstubAllGlobals());

test("labels are made of all masks or not at all", async () => {
  const fake = new FakeModel();
  const { app, predictions } = fake;
  let session = placeBox(sessionOf(app.value), 0, [10, 20, 30, 40]);
  session = placeBox(session, 1, [10, 20, 30, 40]);
  // An object that asks nothing has no mask to wait for.
  edit(app, addObject(session));
  predictions.wake();
  await fake.encoded();
  await fake.predicted();
  expect(labelMaps(app, predictions, [0]).get(0)!.data[0]).toBe(1);
  expect(() => labelMaps(app, predictions, [0, 1])).toThrow(
    "1 of 2 masks are not there, the first that of Object 1 on slice 2: a model has to be in use",
  );
  await fake.encoded();
  await fake.predicted();
  expect([...labelMaps(app, predictions, [0, 1]).keys()]).toEqual([0, 1]);
});

test("saving asks for what the user cancelled; what it lacks then is said beside the way on that is offered", async () => {
  const items = new Map<string, EventTarget>();
  const item = (id: string) => {
    if (!items.has(id)) items.set(id, Object.assign(new EventTarget(), { hidePopover: () => undefined }));
    return items.get(id)!;
  };
  vi.stubGlobal("document", { getElementById: item });
  const fake = new FakeModel();
  const { app, predictions } = fake;
  savingMenu(app, predictions, undefined as unknown as Images);
  edit(app, placeBox(sessionOf(app.value), 0, [10, 20, 30, 40]));
  predictions.wake();
  const cancelled = await fake.next("encode");
  app.value.activity!.cancel!();
  cancelled.fail(new DOMException("cancelled", "AbortError"));
  await turns();
  expect(fake.waiting).toEqual([]);

  item("save-labels").dispatchEvent(new Event("click"));
  const action = { label: "Go on with cpu", run: () => undefined };
  fake.failed = () => app.update({ notice: { kind: "error", text: "the wasm backend stopped", action } });
  (await fake.next("encode")).fail(new WorkerCrash("gone"));
  await expect.poll(() => app.value.notice?.text).toMatch(/^1 of 1 masks are not there/);
  expect(app.value.notice?.action).toBe(action);
});
