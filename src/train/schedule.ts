/** What the learning rate is multiplied by at a step, the first of which is 0. A pure function: nothing to resume. */
export type Schedule = (step: number) => number;

/** Always 1. */
export const constant: Schedule = () => 1;

/**
 * Rises in a straight line to 1 over `steps` steps, the first of which is not 0, then goes on with `after`, whose own
 * step 0 is the first after the rise.
 */
export function warmUp(steps: number, after: Schedule = constant): Schedule {
  assertCount("warm-up", "steps", steps);
  return (step) => (step < steps ? (step + 1) / (steps + 1) : after(step - steps));
}

/**
 * Half a cosine from 1 down to `last` at step `steps`, and `last` from there on.
 *
 * @see torch.optim.lr_scheduler.CosineAnnealingLR
 */
export function cosine(steps: number, last = 0): Schedule {
  assertCount("cosine", "steps", steps);
  return (step) => last + ((1 - last) * (1 + Math.cos(Math.PI * Math.min(step / steps, 1)))) / 2;
}

/** Multiplied by `gamma` after every `every` steps. @see torch.optim.lr_scheduler.StepLR */
export function decayEvery(every: number, gamma = 0.1): Schedule {
  assertCount("step schedule", "every", every);
  return (step) => gamma ** Math.floor(step / every);
}

function assertCount(schedule: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`${schedule}: ${name} is ${value}; expected a whole number of at least 1`);
}
