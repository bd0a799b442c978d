/** A position on the canvas, in CSS pixels. */
export type At = readonly [x: number, y: number];

export interface Modifiers {
  readonly shift: boolean;
  /** A button or key that moves the image whatever the tool is. */
  readonly pan: boolean;
}

export interface GestureHandlers {
  /** A press at a place. @returns what follows the pointer until it is let go. */
  press(at: At, modifiers: Modifiers): Drag;
  /** Two fingers or a wheel. */
  zoom(at: At, factor: number, moved: At): void;
  hover(at: At | undefined): void;
}

export interface Drag {
  move(at: At): void;
  /** @param moved false: the pointer stayed where it was, a click. */
  end(at: At, moved: boolean): void;
  /** A second finger came, or the browser took the pointer away: as if nothing had happened. */
  cancel(): void;
}

/** Within this many pixels a press is a click. */
const STILL = 4;

/** Turns mouse, pen and touch into presses, drags and zooms. One finger is the tool, two move the image. */
export function listenToGestures(element: HTMLElement, handlers: GestureHandlers): void {
  const pointers = new Map<number, At>();
  let drag: { readonly drag: Drag; readonly start: At; moved: boolean } | undefined;
  const place = (event: MouseEvent): At => {
    const { left, top } = element.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    event.preventDefault();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const at = place(event);
    pointers.set(event.pointerId, at);
    if (pointers.size > 1) {
      drag?.drag.cancel();
      drag = undefined;
    } else {
      const pan = event.button === 1 || event.altKey;
      drag = { drag: handlers.press(at, { shift: event.shiftKey, pan }), start: at, moved: false };
    }
  });

  element.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (event.pointerType !== "touch") handlers.hover(at);
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)![1];
      const spread = (a: At) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
      const middle: At = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
      const moved: At = [(at[0] - before[0]) / 2, (at[1] - before[1]) / 2];
      handlers.zoom(middle, spread(at) / spread(before), moved);
    }
    pointers.set(event.pointerId, at);
    if (drag === undefined) return;
    drag.moved ||= Math.hypot(at[0] - drag.start[0], at[1] - drag.start[1]) > STILL;
    if (drag.moved) drag.drag.move(at);
  });

  element.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    drag?.drag.end(place(event), drag.moved);
    drag = undefined;
  });
  element.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    drag?.drag.cancel();
    drag = undefined;
  });
  // A long press of a finger would open a menu and take the pointer away.
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("pointerleave", () => handlers.hover(undefined));
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      handlers.zoom(place(event), Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.03 : 0.0015)), [0, 0]);
    },
    { passive: false },
  );
}
