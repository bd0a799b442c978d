import { byId } from "../dom.js";
import type { Engine } from "../engine.js";
import type { Images } from "../images.js";
import type { Inside } from "../inside/inside.js";
import type { Predictions } from "../predictions.js";
import { showError, type App } from "../state/app.js";

/** 'Look inside': fetched when it is first opened. */
export function insidePanel(app: App, engine: Engine, predictions: Predictions, images: Images): void {
  const details = byId<HTMLDetailsElement>("inside");
  let inside: Promise<Inside> | undefined;

  async function toggle(): Promise<void> {
    try {
      inside ??= import("../inside/inside.js").then(
        (module) => new module.Inside({ app, engine, predictions, images }, byId("inside-body")),
      );
      (await inside).toggle(details.open);
    } catch (error) {
      inside = undefined;
      showError(app, error);
    }
  }
  details.addEventListener("toggle", () => void toggle());
}
