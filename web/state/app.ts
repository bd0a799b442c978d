import type { Region } from "../../src/image/crop.js";
import type { PixelImage } from "../../src/image/pixels.js";
import type { Point } from "../../src/predictor/types.js";
import { Store } from "../store.js";
import { fullWindow, type DisplayWindow } from "../view/window.js";
import type { PageBackend } from "../backendNames.js";
import type { BackendReport } from "../workers/backends.js";
import type { ImageInfo } from "../workers/imageWorker.js";
import type { Intensity, ModelInfo } from "../workers/modelWorker.js";
import type { StoredModel } from "../workers/modelStore.js";
import { record, replacePresent, startHistory, type History } from "./history.js";
import { EMPTY_SESSION, type Session } from "./session.js";

/** "look" picks the place whose attention the panel 'Look inside' shows; it has no button among the tools. */
export type Tool = "prompt" | "background" | "pan" | "window" | "measure" | "look";

/** A map of the encoder's grid, laid over the image. */
export interface Heat {
  /** A pixel a cell. */
  readonly picture: OffscreenCanvas;
  /** Cells that the image covers, from the top left. */
  readonly cover: { readonly height: number; readonly width: number };
  /** The part of the image that the grid lies on. */
  readonly region: Region;
  /** In 0..1. */
  readonly opacity: number;
}

/** A place of the image that attention is asked for, and what is shown of it. */
export interface Look {
  /** Pixels from one cell of the encoder's grid to the next. */
  readonly step: Point;
  /** The part of the image that the model sees. */
  readonly region: Region;
  readonly at?: Point;
  readonly heat?: Heat;
}

/** Something that takes a while and is shown with its progress. */
export interface Activity {
  readonly what: string;
  /** Share done; undefined where it is not known. */
  readonly share?: number;
  readonly cancel?: () => void;
}

/** What the user is told until it is closed. */
export interface Notice {
  readonly kind: "error" | "info";
  readonly text: string;
  /** What can be done about it. */
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Everything that the page shows. */
export interface AppState {
  readonly history: History<Session>;
  readonly image?: ImageInfo;
  /** Values of the slice that is shown. */
  readonly pixels?: PixelImage;
  readonly slice: number;
  readonly window: DisplayWindow;
  readonly tool: Tool;
  readonly preset: string;
  /** "preset": the preset's own; "shown": the window that is shown. */
  readonly intensity: string;
  /** Whether the model sees a square around each box in place of the whole image. */
  readonly crop: boolean;
  readonly backend?: BackendReport;
  readonly model?: ModelInfo;
  /** Models in the browser's private file system. */
  readonly stored: readonly StoredModel[];
  /** Backends that failed while they were used, so that they are not offered again. */
  readonly failed: readonly PageBackend[];
  /** Bytes of tensors. */
  readonly memory?: number;
  /** Reading and encoding. */
  readonly activity?: Activity;
  /** Starting a backend and taking weights into use, which go on beside the reading of an image. */
  readonly loading?: Activity;
  readonly notice?: Notice;
  /** While a block that attends over the whole image is looked into. */
  readonly look?: Look;
  /** Grows when a mask arrives, so that the view is drawn again. */
  readonly answers: number;
}

export type App = Store<AppState>;

export function createApp(): App {
  return new Store<AppState>({
    history: startHistory(EMPTY_SESSION),
    slice: 0,
    window: fullWindow([0, 255]),
    tool: "prompt",
    // Of the weights in the package, which the page begins with.
    ...{ preset: "medsam-tiny", crop: true },
    intensity: "preset",
    stored: [],
    failed: [],
    answers: 0,
  });
}

/** Another preset, which brings its own crop. */
export function choosePreset({ presets }: ModelInfo, preset: string): Pick<AppState, "preset" | "crop"> {
  return { preset, crop: presets.find(({ name }) => name === preset)?.crop ?? false };
}

/** Whether candidates are offered: where the weights learnt to give several masks. */
export function givesSeveral({ model, preset }: AppState): boolean {
  return model?.presets.find(({ name }) => name === preset)?.multimask ?? false;
}

export const sessionOf = ({ history }: AppState): Session => history.present;

/** An edit that can be undone. */
export function edit(app: App, next: Session): void {
  if (next !== sessionOf(app.value)) app.update({ history: record(app.value.history, next) });
}

/** A change that is no step of its own, such as a selection. */
export function adjust(app: App, next: Session): void {
  app.update({ history: replacePresent(app.value.history, next) });
}

/** How the model's 8 bits are made, as the worker takes it. */
export function intensityOf({ intensity, window }: AppState): Intensity | undefined {
  if (intensity === "preset") return undefined;
  return intensity === "shown" ? window : intensity;
}

/** Tells the user of an error. */
export function showError(app: App, error: unknown, action?: Notice["action"]): void {
  const text = error instanceof Error ? error.message : String(error);
  app.update({ notice: { kind: "error", text, ...(action && { action }) } });
}
