import { Buffer } from "node:buffer";

/**
 * The longest piece of work of a page's main thread while `action` runs, as Chromium traces it.
 *
 * @returns milliseconds of the processor, and as a clock saw it: longer where other programs took the processor away.
 */
export async function longestTask(browser, page, action) {
  await browser.startTracing(page, { categories: ["toplevel"] });
  await action();
  const { traceEvents } = JSON.parse(Buffer.from(await browser.stopTracing()).toString());
  const threadOf = ({ pid, tid }) => `${pid} ${tid}`;
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain")
      .map(threadOf),
  );
  const tasks = traceEvents.filter(
    (event) => event.tdur !== undefined && event.name.endsWith("RunTask") && main.has(threadOf(event)),
  );
  if (tasks.length === 0) throw new Error("the trace shows no task of the page's main thread");
  const most = (part) => tasks.reduce((longest, task) => Math.max(longest, task[part]), 0) / 1000;
  return { processor: most("tdur"), clock: most("dur") };
}
