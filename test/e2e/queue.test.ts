import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { exited, finished, generate, identities } from "./batchFiles.js";
import { ENV, MAIN, medsam, temporaryFolder } from "./medsam.js";

const LONG = process.env["MEDSAM_TEST_BATCH"] === "1";
const CASES = LONG ? 300 : 16;
const missing = spawnSync("redis-server", ["--version"]).status !== 0;
if (missing)
  console.warn("skipping the queue's tests: there is no redis-server (Debian: apt install redis-server)");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A Redis that keeps what it is told in `folder`. */
async function startRedis(port: number, folder: string): Promise<ChildProcess> {
  const child = spawn(
    "redis-server",
    [
      "--port",
      `${port}`,
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  await new Promise<void>((resolve) =>
    child.stdout.on("data", (text: Buffer) => {
      if (text.includes("Ready to accept")) resolve();
    }),
  );
  return child;
}

function startWorker(url: string, ...more: readonly string[]): { child: ChildProcess; said: () => string } {
  const child = spawn(process.execPath, [MAIN, "worker", "--redis", url, ...more], { env: ENV });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  return { child, said: () => said };
}

describe.skipIf(missing)("medsam submit and medsam worker", () => {
  test(
    `${CASES} cases, two workers, one killed, Redis restarted: each is there once`,
    async () => {
      const folder = temporaryFolder();
      const table = generate(folder, CASES);
      const out = join(folder, "out");
      const port = await freePort();
      const url = `redis://127.0.0.1:${port}`;
      const redis = await startRedis(port, folder);
      const submit = () => medsam(["submit", table, "--redis", url, "--out", out, "--json"]);
      expect(JSON.parse(submit().stdout)).toEqual({ cases: CASES, done: 0, queued: CASES, failed: [] });
      expect(submit().status).toBe(0); // the same again changes nothing

      const [a, b] = [startWorker(url, "--until-empty"), startWorker(url, "--until-empty")];
      const until = async (count: number) => {
        while (finished(out).length < count && b.child.exitCode === null) await sleep(20);
      };
      await until(Math.floor(CASES / 4));
      a.child.kill("SIGKILL");
      await sleep(1500);
      const early = identities(out);
      await until(Math.floor(CASES / 2));
      redis.kill("SIGTERM");
      await exited(redis);
      await sleep(2000);
      await startRedis(port, folder);
      await exited(b.child);

      expect(b.child.exitCode, b.said()).toBe(0);
      expect(b.said().match(/waiting for it/g)).toHaveLength(1);
      expect(b.said()).toContain("is there again");
      expect(finished(out)).toHaveLength(CASES);
      expect(readdirSync(join(out, "cases"))).toHaveLength(4 * CASES);
      expect(readdirSync(join(out, "staging"))).toEqual([]);
      const late = identities(out);
      for (const [file, identity] of early) expect(late.get(file), `${file} was made again`).toBe(identity);
      expect(JSON.parse(submit().stdout)).toEqual({ cases: CASES, done: CASES, queued: 0, failed: [] });
    },
    LONG ? 900_000 : 200_000,
  );

  test("without Redis, submit says so and a worker waits and can be stopped", async () => {
    const folder = temporaryFolder();
    const port = await freePort();
    const url = `redis://user:secret@127.0.0.1:${port}`;
    const run = medsam(["submit", generate(folder, 1), "--redis", url, "--out", join(folder, "out")]);
    expect(run.status).toBe(1);
    expect(run.stderr.trim().split("\n")).toHaveLength(1);
    expect(run.stderr).toContain(`Redis at 127.0.0.1:${port}: connect ECONNREFUSED`);
    expect(run.stderr).not.toContain("secret");

    const { child, said } = startWorker(url, "--until-empty");
    while (!said().includes("waiting for it") && child.exitCode === null) await sleep(50);
    await sleep(1500);
    expect(child.exitCode).toBeNull();
    const stopped = performance.now();
    child.kill("SIGINT");
    await exited(child);
    expect(performance.now() - stopped).toBeLessThan(10_000);
    expect(child.exitCode).toBe(130);
    expect(said().match(/waiting for it/g)).toHaveLength(1);
    expect(said()).not.toContain("secret");
    expect(medsam(["worker", "--redis", "localhost"]).status).toBe(2);
  });
});
