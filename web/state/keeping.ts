import { sessionOf, type App, type AppState } from "./app.js";
import { writeDocument, type Answer } from "./document.js";
import type { SlicePrompt } from "./session.js";

// Prompts outlive the page within their tab: a browser throws a sleeping tab away, or one that takes too much memory,
// and loads it anew when the user comes back.

const KEY = "medsam-tfjs prompts of ";

/** What the page shows, as the text of a JSON file. @throws Error while no image is open. */
export function documentOf(app: App, answerOf: (prompt: SlicePrompt) => Answer | undefined): string {
  const { image, model, backend, preset, intensity, window, crop } = app.value;
  if (image === undefined) throw new Error("no image is open");
  const { name: file, width, height, sha256 } = image;
  return writeDocument(
    sessionOf(app.value),
    {
      image: { file, width, height, sha256 },
      ...{ preset, intensity, crop, version: __VERSION__ },
      ...(intensity === "shown" && { window }),
      ...(model && { model }),
      ...(backend && { backend: backend.name }),
    },
    answerOf,
  );
}

/** Documents by the hash of their images: first those of before the page was loaded anew, then those of now too. */
export function keptDocuments(): Map<string, string> {
  const found = new Map<string, string>();
  for (const key of Object.keys(sessionStorage))
    if (key.startsWith(KEY)) found.set(key.slice(KEY.length), sessionStorage.getItem(key) ?? "");
  return found;
}

/** Keeps the prompts on every image from now on, among `documents` and for the next load of the page. */
export function keepPrompts(app: App, documents: Map<string, string>): void {
  const parts = ({ history, preset, intensity, window, crop }: AppState) =>
    [history.present, preset, intensity, window, crop] as const;
  let before = parts(app.value);
  app.subscribe((state) => {
    const now = parts(state);
    if (state.image === undefined || now.every((part, index) => part === before[index])) return;
    before = now;
    const { sha256 } = state.image;
    const text = now[0].objects.length === 0 ? undefined : documentOf(app, () => undefined);
    if (text === undefined) documents.delete(sha256);
    else documents.set(sha256, text);
    try {
      if (text === undefined) sessionStorage.removeItem(KEY + sha256);
      else sessionStorage.setItem(KEY + sha256, text);
    } catch {
      // No room: the prompts are still here for as long as the page is.
    }
  });
}
