import { boxWarning } from "../../src/predictor/checkPrompt.js";
import { byId, make } from "../dom.js";
import type { Candidate, Predictions } from "../predictions.js";
import { edit, givesSeveral, sessionOf, type App, type AppState } from "../state/app.js";
import { editQuery, pickCandidate, selectedObject, type Query, type SlicePrompt } from "../state/session.js";

/** The selected object on the slice that is shown: candidates, score, refining. */
export function promptPanel(app: App, predictions: Predictions): void {
  const multimask = byId<HTMLInputElement>("multimask");
  const change = (edited: (query: Query) => Query) =>
    edit(app, editQuery(sessionOf(app.value), app.value.slice, edited));

  multimask.addEventListener("change", () => change((query) => ({ ...query, multimask: multimask.checked })));
  byId("clear").addEventListener("click", () => change(() => ({ points: [], multimask: false })));
  byId("refine").addEventListener("click", () => {
    const prompt = promptOf(app.value);
    const candidate = prompt && predictions.candidate(prompt);
    if (candidate) change((query) => ({ ...query, multimask: false, maskInput: candidate.logits }));
  });

  app.subscribe((state) => {
    const prompt = promptOf(state);
    byId("prompt").hidden = prompt === undefined;
    if (prompt === undefined) return;
    const candidate = predictions.candidate(prompt);
    multimask.checked = prompt.query.multimask;
    byId<HTMLButtonElement>("refine").disabled = candidate === undefined;
    byId("score").textContent = candidate
      ? describe(candidate, prompt.query, state)
      : "Waiting for the model…";
    const warning = state.image && boxWarning(prompt.query, state.image);
    byId("prompt-warning").hidden = warning === undefined;
    byId("prompt-warning").textContent = warning ?? "";
    const offered = givesSeveral(state);
    byId("several").hidden = !offered;
    showCandidates(app, prompt.query.multimask && offered ? candidate : undefined);
  });
}

function promptOf(state: AppState): SlicePrompt | undefined {
  return selectedObject(sessionOf(state))?.prompts.get(state.slice);
}

function describe(
  { scores, index, facts: { pixels } }: Candidate,
  { maskInput }: Query,
  { model, image }: AppState,
): string {
  const [x, y] = image?.spacing ?? [];
  const area = x && y ? `, ${(pixels * x * y).toFixed(0)} mm²` : "";
  const score = model?.embedded ? "" : `; the model scores it ${scores[index].toFixed(3)}`;
  return `${pixels.toLocaleString("en")} pixels${area}${score}${maskInput ? "; refined" : ""}`;
}

function showCandidates(app: App, candidate: Candidate | undefined): void {
  const box = byId("candidates");
  const signature = candidate ? JSON.stringify([candidate.scores, candidate.index]) : "";
  if (box.dataset["shown"] === signature) return;
  box.dataset["shown"] = signature;
  const hadFocus = box.contains(document.activeElement);
  box.replaceChildren(
    ...(candidate?.scores ?? []).map((score, index) =>
      make(
        "label",
        {},
        make("input", {
          ...{ type: "radio", name: "candidate", value: index, checked: index === candidate?.index },
          onchange: () => edit(app, pickCandidate(sessionOf(app.value), app.value.slice, index)),
        }),
        `${index + 1}: ${score.toFixed(3)}`,
      ),
    ),
  );
  if (hadFocus) box.querySelector<HTMLInputElement>(":checked")?.focus();
}
