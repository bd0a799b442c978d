import { byId } from "../dom.js";
import type { App, Tool } from "../state/app.js";
import { redo, undo } from "../state/history.js";
import type { Viewer } from "../view/viewer.js";

/** Tools, undo and zoom; what is under way; what the user has to know. */
export function toolbar(app: App, viewer: Viewer): void {
  for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="tool"]'))
    radio.addEventListener("change", () => app.update({ tool: radio.value as Tool }));
  const click = (id: string, action: () => void) => byId(id).addEventListener("click", action);
  click("undo", () => app.update({ history: undo(app.value.history) }));
  click("redo", () => app.update({ history: redo(app.value.history) }));
  click("zoom-in", () => viewer.zoom(1.25));
  click("zoom-out", () => viewer.zoom(0.8));
  click("zoom-fit", () => viewer.fit());
  click("notice-close", () => app.update({ notice: undefined }));
  click("notice-action", () => {
    const action = app.value.notice?.action;
    app.update({ notice: undefined });
    action?.run();
  });
  click("activity-cancel", () => (app.value.activity ?? app.value.loading)?.cancel?.());

  app.subscribe(({ history, tool, activity: own, loading, notice, image, model }) => {
    byId<HTMLButtonElement>("undo").disabled = history.past.length === 0;
    byId<HTMLButtonElement>("redo").disabled = history.future.length === 0;
    byId<HTMLButtonElement>("save").disabled = image === undefined;
    byId("stage").dataset["tool"] = tool;
    for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="tool"]'))
      radio.checked = radio.value === tool;

    // Until one knows how.
    byId("hint").hidden = model === undefined || history.present.objects.length > 0 || tool !== "prompt";

    const activity = own ?? loading;
    byId("activity").hidden = activity === undefined;
    byId("activity-what").textContent = activity?.what ?? "";
    const progress = byId<HTMLProgressElement>("activity-share");
    if (activity?.share === undefined) progress.removeAttribute("value");
    else progress.value = activity.share;
    byId("activity-cancel").hidden = activity?.cancel === undefined;

    byId("notice").hidden = notice === undefined;
    byId("notice").classList.toggle("info", notice?.kind === "info");
    if (byId("notice-text").textContent !== (notice?.text ?? ""))
      byId("notice-text").textContent = notice?.text ?? "";
    byId("notice-action").hidden = notice?.action === undefined;
    byId("notice-action").textContent = notice?.action?.label ?? "";
  });
}
