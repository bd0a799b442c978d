import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import type { Sam } from "../../../src/model/sam.js";
import type { EncodedImage } from "../../../src/predictor/encodedImage.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import type { Box } from "../../../src/predictor/types.js";
import { BoxTracker } from "../../../src/predictor/volume/boxTracker.js";
import { segmentVolume } from "../../../src/predictor/volume/segmentVolume.js";
import { boxPrompts } from "../../../src/predictor/volume/volumeObject.js";
import { smallestSam } from "../train/tinyTraining.js";

const image = (seed: number): PixelImage => ({
  width: 24,
  height: 20,
  channels: 1,
  data: Uint8Array.from({ length: 480 }, (_, n) => (n * (7 + 12 * seed)) % 256),
});
const BOX: Box = [3, 2, 18, 15];

let model: Sam;
beforeAll(async () => {
  await useBackend("cpu");
  model = smallestSam();
});
afterAll(() => {
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
});

/** What calls do, one after the other: what is held, and what comes back. */
class Expected {
  held: number | undefined;
  isDisposed = false;
  readonly used = new Set<number>();

  constructor(private readonly answers: readonly string[]) {}

  outcome(call: Call): string {
    if (this.isDisposed) return call.name === "dispose" ? "done" : "the predictor is disposed";
    switch (call.name) {
      case "setImage":
        this.held = call.image;
        return "done";
      case "stopped":
        return "stopped";
      case "predict":
      case "predictBoxes":
        return this.held === undefined ? "no image yet" : this.answers[this.held];
      case "takeImage": {
        const taken = this.held;
        this.held = undefined;
        return taken === undefined ? "nothing" : "taken";
      }
      case "putImage":
        if (this.used.has(call.image)) return "was put back before";
        this.used.add(call.image);
        this.held = call.image;
        return "done";
      case "resetImage":
        this.held = undefined;
        return "done";
      case "dispose":
        this.isDisposed = true;
        return "done";
    }
  }
}

type Call =
  | { readonly name: "setImage" | "putImage"; readonly image: number }
  | { readonly name: "stopped" | "predict" | "predictBoxes" | "takeImage" | "resetImage" | "dispose" };

const IMAGES = [0, 1];
const anyCall: fc.Arbitrary<Call & { readonly awaited: boolean }> = fc
  .record({
    name: fc.oneof(
      { weight: 7, arbitrary: fc.constantFrom("setImage" as const, "predict" as const) },
      {
        weight: 8,
        arbitrary: fc.constantFrom(
          ...(["putImage", "stopped", "predictBoxes", "takeImage", "resetImage"] as const),
        ),
      },
      { weight: 1, arbitrary: fc.constant("dispose" as const) },
    ),
    image: fc.constantFrom(...IMAGES),
    awaited: fc.boolean(),
  })
  .map((call) => call as Call & { readonly awaited: boolean });

describe("calls that overlap", () => {
  it("run in the order in which they were made, and leave nothing behind", async () => {
    const answers: string[] = [];
    const other = new SamPredictor(model);
    for (const n of IMAGES) {
      await other.setImage(image(n));
      answers.push(await outcomeOf(other.predict({ box: BOX })));
    }
    expect(new Set(answers).size).toBe(IMAGES.length);

    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { minLength: 2, maxLength: 9 }), async (calls) => {
        await other.resetImage();
        const before = tf.memory().numTensors;
        const spare: EncodedImage[] = [];
        for (const n of IMAGES) {
          await other.setImage(image(n));
          spare.push((await other.takeImage())!);
        }
        const predictor = new SamPredictor(model);
        const expected = new Expected(answers);
        const taken: EncodedImage[] = [];
        const got: Promise<string>[] = [];
        const wanted = calls.map((call) => expected.outcome(call));
        for (const { awaited, ...call } of calls) {
          got.push(outcomeOf(run(predictor, call, spare, taken)));
          if (awaited) await got.at(-1);
        }
        expect(await Promise.all(got)).toEqual(wanted);
        await predictor.dispose();
        for (const each of [...taken, ...spare]) each.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }),
      { numRuns: 40, seed: 17 },
    );
    await other.dispose();
  });

  it("a predictor that is disposed meanwhile gives what was asked before, and nothing after", async () => {
    const before = tf.memory().numTensors;
    const predictor = new SamPredictor(model);
    await predictor.setImage(image(0));
    const expected = await predictor.predict({ box: BOX });
    const asked = predictor.predict({ box: BOX });
    const disposed = predictor.dispose();
    const late = predictor.setImage(image(1));
    expect((await asked).lowResLogits).toEqual(expected.lowResLogits);
    await expect(late).rejects.toThrow(
      "the predictor is disposed; make another with new SamPredictor(model)",
    );
    await disposed;
    await predictor.dispose();
    expect(() => predictor.another()).toThrow("the predictor is disposed");
    expect(tf.memory().numTensors).toBe(before);
  });

  it("a predictor with nothing to do is freed at once", async () => {
    const before = tf.memory().numTensors;
    const predictor = new SamPredictor(model);
    await predictor.setImage(image(0));
    void predictor.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("volumes do not disturb each other, nor the predictor's image", async () => {
    const volume = {
      ...{ name: "v", size: [24, 20, 3] as const, frames: 1, channels: 1 as const, slope: 1, intercept: 0 },
      ...{ warnings: [], data: Uint8Array.from([0, 1, 2].flatMap((n) => [...image(n).data])) },
    };
    const ask = (predictor: SamPredictor, slice: number) =>
      segmentVolume(new BoxTracker(predictor), volume, [{ label: 1, prompts: boxPrompts([[slice, BOX]]) }]);
    const predictor = new SamPredictor(model);
    const alone = [await ask(predictor, 0), await ask(predictor, 2)];
    await predictor.setImage(image(0));
    const before = await predictor.predict({ box: BOX });
    expect(await Promise.all([ask(predictor, 0), ask(predictor, 2)])).toEqual(alone);
    expect(await predictor.predict({ box: BOX })).toEqual(before);
    await predictor.dispose();
  });
});

function run(
  predictor: SamPredictor,
  call: Call,
  spare: readonly EncodedImage[],
  taken: EncodedImage[],
): Promise<unknown> {
  switch (call.name) {
    case "setImage":
      return predictor.setImage(image(call.image));
    case "stopped": {
      const stop = new AbortController();
      const onProgress = () => stop.abort(new Error("stopped"));
      return predictor.setImage(image(0), { signal: stop.signal, onProgress });
    }
    case "predict":
      return predictor.predict({ box: BOX });
    case "predictBoxes":
      return predictor.predictBoxes([BOX]).then(([only]) => only);
    case "takeImage":
      return predictor.takeImage().then((found) => {
        if (found === undefined) return "nothing";
        taken.push(found);
        return "taken";
      });
    case "putImage":
      return predictor.putImage(spare[call.image]);
    case "resetImage":
      return predictor.resetImage();
    case "dispose":
      return predictor.dispose();
  }
}

/** What came of a call, in a word. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    const value = await call;
    if (value === undefined) return "done";
    if (typeof value === "string") return value;
    return [...(value as { lowResLogits: { data: Float32Array }[] }).lowResLogits[0].data].join();
  } catch (error) {
    const known = ["the predictor is disposed", "stopped", "no image yet", "was put back before"];
    const { message } = error as Error;
    return known.find((words) => message.includes(words)) ?? message;
  }
}
