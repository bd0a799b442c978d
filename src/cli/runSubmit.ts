import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pinnedWeights } from "./localWeights.js";
import { BatchFolder } from "./batchFolder.js";
import { assertCaseOptions, caseOptions } from "./caseOptions.js";
import { messageOf } from "./errors.js";
import { thousands } from "./format.js";
import { connect, jobId, loadBullmq, redisPlace, type QueuedCase } from "./queue.js";
import { settingsOf, type BatchOptions } from "./runBatch.js";
import { assertPreset } from "./runSegment.js";
import { collectCases } from "./segmentJobs.js";

/** The options of `medsam submit`. */
export interface SubmitOptions extends Omit<BatchOptions, "workers" | "maxMemory" | "shard" | "backend"> {
  readonly redis: string;
  readonly queue: string;
}

/** Cases that go to Redis in one message. */
const BULK = 500;

/** Puts all cases of a table into the queue that are neither done nor in it. */
export async function runSubmit(table: string, options: SubmitOptions): Promise<void> {
  assertPreset(options);
  const place = redisPlace(options.redis);
  const { strict = false } = options;
  const checkpoint = options.checkpoint && (await pinnedWeights(options.checkpoint));
  const { jobs, badRows } = collectCases(table, strict);
  await assertCaseOptions(jobs, options);
  const out = resolve(options.out);
  const settings = await settingsOf(options);
  const folder = await BatchFolder.open(out, settings, "");
  const waiting: QueuedCase[] = [];
  const missing = new Set(jobs.filter(({ image }) => !existsSync(image)));
  for (const job of jobs)
    if (!missing.has(job) && !(await folder.isDone(job)))
      waiting.push({
        ...{ out, settings, job: { ...job, image: resolve(job.image) } },
        start: { strict, ...caseOptions(options), ...(checkpoint !== undefined && { checkpoint }) },
      });

  const { bullmq, Redis } = await loadBullmq();
  const patience = { maxRetriesPerRequest: 3, retryStrategy: (times: number) => (times > 3 ? null : 300) };
  let last: Error | undefined;
  const connection = connect(Redis, options.redis, patience, (error) => (last = error));
  try {
    await connection.connect();
    const queue = new bullmq.Queue<QueuedCase>(options.queue, { connection });
    queue.on("error", () => undefined); // whoever asked hears of it
    const ids = new Set(waiting.map(jobId));
    // What failed before is tried again.
    for (const failed of await queue.getFailed())
      if (failed.id !== undefined && ids.has(failed.id)) await failed.remove();
    for (let start = 0; start < waiting.length; start += BULK)
      await queue.addBulk(
        waiting.slice(start, start + BULK).map((data) => ({
          ...{ name: data.job.name, data },
          opts: { jobId: jobId(data), removeOnComplete: true },
        })),
      );
    await queue.close();
  } catch (error) {
    throw new Error(
      `${place}: ${messageOf(last ?? error)}; start it or check --redis, then submit again: nothing is queued twice`,
      { cause: error },
    );
  } finally {
    connection.disconnect();
  }
  const failed = [...badRows, ...[...missing].map(({ image }) => `${image}: no such file`)];
  for (const line of failed) console.error(`medsam: ${line}`);
  if (failed.length > 0) process.exitCode = 1;
  const done = jobs.length - waiting.length - missing.size;
  const summary = { cases: jobs.length, done, queued: waiting.length, failed };
  if (options.json) console.log(JSON.stringify(summary, null, 2));
  else
    console.log(
      `${thousands(summary.queued)} of ${thousands(summary.cases)} cases are in the queue ${options.queue}, ` +
        `${thousands(summary.done)} were done before; medsam worker does them`,
    );
}
