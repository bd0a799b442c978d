import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { summariseConfig } from "../../../src/inspect/modelSummary.js";
import { TINY } from "../../../src/model/config.js";

// In a file of its own: nothing has chosen a backend here.
it("a model's summary needs no backend, and leaves none in use", () => {
  for (let run = 0; run < 2; run++) expect(summariseConfig(TINY).layers[0].parameters).toBe(3_696_384);
  expect(tf.getBackend()).toBeFalsy();
});
