import type * as Bullmq from "bullmq";
import type { Redis, RedisOptions } from "ioredis";
import type * as Ioredis from "ioredis";
import { createHash } from "node:crypto";
import type { BatchSettings } from "./batchFolder.js";
import type { WorkerStart } from "./batchWorker.js";
import { messageOf, UsageError } from "./errors.js";
import type { CaseJob } from "./segmentJobs.js";

/** One case in the queue. Paths are absolute: all machines see them at the same place. */
export interface QueuedCase {
  readonly job: CaseJob;
  readonly out: string;
  readonly settings: BatchSettings;
  readonly start: Omit<WorkerStart, "backend" | "threads">;
}

/** The queue that commands take unless told otherwise. */
export const QUEUE = "medsam";

/**
 * BullMQ and its Redis client, which are installed only where they are wanted.
 *
 * @throws Error saying how to install them.
 */
export async function loadBullmq(): Promise<{
  bullmq: Pick<typeof Bullmq, "Queue" | "Worker" | "UnrecoverableError">;
  Redis: typeof Ioredis.Redis;
}> {
  try {
    return { bullmq: await import("bullmq"), Redis: (await import("ioredis")).Redis };
  } catch (error) {
    throw new Error(
      `the queue needs two more packages (${messageOf(error)}); install them: npm install bullmq ioredis`,
      { cause: error },
    );
  }
}

/** The same case of the same folder is the same job, so that nothing is queued twice. */
export function jobId({ out, job }: Pick<QueuedCase, "out" | "job">): string {
  return createHash("sha256")
    .update(JSON.stringify([out, job.name]))
    .digest("hex")
    .slice(0, 32);
}

/** Host and port, to be shown: never the password. @throws UsageError when it is no address of Redis. */
export function redisPlace(url: string): string {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol))
    throw new UsageError("--redis: expected an address such as redis://host:6379");
  const { hostname, port } = new URL(url);
  return `Redis at ${hostname}:${port || "6379"}`;
}

/** A connection whose errors are handed to `onError`. */
export function connect(
  Client: new (url: string, options: RedisOptions) => Redis,
  url: string,
  options: RedisOptions,
  onError: (error: Error) => void,
): Redis {
  const connection = new Client(url, { lazyConnect: true, ...options });
  connection.on("error", onError);
  return connection;
}
