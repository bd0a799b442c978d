import { expect, test } from "vitest";
import { edit, sessionOf } from "../../../web/state/app.js";
import { placeBox, selectedObject } from "../../../web/state/session.js";
import { WorkerCrash } from "../../../web/workers/rpc.js";
import { answerOf, FakeModel, turns } from "./fakeModel.js";

test("what was under way for other settings is stopped; where it comes all the same, it is not taken", async () => {
  const fake = new FakeModel();
  const { app, predictions } = fake;
  const candidate = () => predictions.candidate(selectedObject(sessionOf(app.value))!.prompts.get(0)!);
  app.update({ crop: true });
  edit(app, placeBox(sessionOf(app.value), 0, [10, 20, 30, 40]));
  predictions.wake();
  await fake.encoded();
  const cropped = await fake.next("predict");

  app.update({ crop: false });
  predictions.restart({ keepAnswers: false });
  expect(cropped.signal?.aborted).toBe(true);
  cropped.answer(answerOf(7));
  await turns();
  expect(candidate()).toBeUndefined();
  await fake.encoded();
  await fake.predicted(3);
  expect(candidate()?.scores).toEqual([3]);
});

test("a box is answered while it is drawn with a crop too; when it is let go elsewhere, that is stopped", async () => {
  const fake = new FakeModel();
  const { app, predictions } = fake;
  const draw = (x1: number) => {
    const query = selectedObject(placeBox(sessionOf(app.value), 0, [10, 20, x1, 40]))!.prompts.get(0)!.query;
    predictions.show(query);
    return query;
  };
  expect(app.value.crop).toBe(true);
  predictions.wake();
  await fake.encoded();
  const first = draw(30);
  const answered = await fake.next("predict");
  draw(31);
  expect(answered.signal?.aborted).toBe(false);
  answered.answer(answerOf(1));
  await turns();
  expect(predictions.candidate({ query: first })?.scores).toEqual([1]);

  const under = await fake.next("predict");
  edit(app, placeBox(sessionOf(app.value), 0, [10, 20, 50, 40]));
  predictions.show(undefined);
  expect(under.signal?.aborted).toBe(true);
  under.fail(new Error("stopped"));
  await fake.predicted(5);
  const { prompts } = selectedObject(sessionOf(app.value))!;
  expect(predictions.candidate(prompts.get(0)!)?.scores).toEqual([5]);
  expect(app.value.notice).toBeUndefined();
});

test("a box that is let go where it was last answered goes on", async () => {
  const fake = new FakeModel();
  const { app, predictions } = fake;
  predictions.wake();
  await fake.encoded();
  const session = placeBox(sessionOf(app.value), 0, [10, 20, 30, 40]);
  predictions.show(selectedObject(session)!.prompts.get(0)!.query);
  const drawn = await fake.next("predict");
  edit(app, session);
  predictions.show(undefined);
  expect(drawn.signal?.aborted).toBe(false);
});

test("an image that was encoded although that was stopped counts as not encoded", async () => {
  const fake = new FakeModel();
  const { predictions } = fake;
  predictions.wake();
  const before = await fake.next("encode");
  // Other weights took the place of those that the worker encoded with; they can have the same hash.
  predictions.restart({ keepAnswers: true });
  before.answer({ memory: 0 });
  await fake.encoded();
  expect(fake.waiting).toEqual([]);
});

test("a reader of images that ends in the middle does not end the model", async () => {
  const fake = new FakeModel();
  fake.slice = () => Promise.reject(new WorkerCrash("the reader of images stopped: out of memory"));
  let lost = 0;
  fake.failed = () => lost++;
  fake.predictions.wake();
  await turns();
  expect(lost).toBe(0);
  expect(fake.app.value.notice?.text).toBe("the reader of images stopped: out of memory");
});
