import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { TrainingView } from "../../../src/cli/trainingView.js";

test("the page goes on from what an earlier part did, and says the best at the end", async () => {
  const out = mkdtempSync(join(tmpdir(), "medsam-view-"));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  const view = new TrainingView({
    out,
    title: "rings",
    settings: [["batch", 4]],
    totalSteps: 4,
    batch: 4,
    steps: [{ step: 1, loss: 1, learningRate: 1e-4 }],
    validations: [{ step: 0, dice: [0.5, 0.6] }],
  });
  const page = () => readFileSync(join(out, "report.html"), "utf8");
  await view.onStep({ step: 2, loss: 0.5, learningRate: 1e-4 });
  expect(page()).toContain("Running: step 2 of 4; best mean Dice 0.5500, after step 0.");
  expect(page()).toContain('http-equiv="refresh"');
  await view.onValidation({ step: 2, dice: [0.8, 0.9] }, []);
  await view.end();
  expect(page()).toContain("Step 2 of 4; best mean Dice 0.8500, after step 2.");
  expect(page()).toContain("each step: 2 points, from 1 to 0.5");
  expect(page()).not.toContain('http-equiv="refresh"');
});
