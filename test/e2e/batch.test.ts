import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { readImageFile } from "../../src/image/decode.node.js";
import { exited, finished, generate, identities, logOf } from "./batchFiles.js";
import type { SegmentResult } from "../../src/cli/segmentImage.js";
import { ENV, MAIN, medsam, runAgain, temporaryFolder } from "./medsam.js";

/** MEDSAM_TEST_BATCH=1 takes minutes and does what the thousands of cases of a user do. */
const LONG = process.env["MEDSAM_TEST_BATCH"] === "1";
const [CASES, KILLS, WORKERS] = LONG ? [300, 5, 4] : [24, 2, 2];

describe("medsam batch", () => {
  test(
    `${CASES} cases with ${WORKERS} workers, killed ${KILLS} times, are all there, each once`,
    async () => {
      const folder = temporaryFolder();
      const table = generate(folder, CASES);
      const out = join(folder, "out");
      const args = ["batch", table, "--out", out, "--workers", `${WORKERS}`, "--json"];
      const written = new Map<string, string>();
      for (let kill = 1; kill <= KILLS; kill++) {
        const child = spawn(process.execPath, [MAIN, ...args], { env: ENV, stdio: "ignore" });
        const target = Math.floor((CASES * kill) / (KILLS + 1));
        while (finished(out).length < target && child.exitCode === null) await sleep(20);
        await sleep(400 * Math.random());
        child.kill("SIGKILL");
        await exited(child);
        await sleep(1500); // its workers end when they notice
        for (const [file, identity] of identities(out)) {
          expect(written.get(file) ?? identity, `${file} was made again`).toBe(identity);
          written.set(file, identity);
        }
      }
      const last = medsam(args, undefined, 500_000);
      expect(last.status, last.stderr).toBe(0);
      expect(JSON.parse(last.stdout)).toMatchObject({ cases: CASES, done: CASES, failed: [] });
      for (const [file, identity] of identities(out))
        expect(written.get(file) ?? identity, `${file} was made again`).toBe(identity);

      const names = Array.from({ length: CASES }, (_, n) => String(n).padStart(4, "0"));
      const expected = names.flatMap((name) => [`${name}.json`, `${name}_labels.png`, `${name}_mask.png`, `${name}_overlay.png`]); // prettier-ignore
      expect(readdirSync(join(out, "cases")).sort()).toEqual(expected.sort());
      for (const name of names) {
        const text = readFileSync(join(out, "cases", `${name}.json`), "utf8");
        expect(JSON.parse(text)).toMatchObject({ image: { width: 64, height: 64 } });
        for (const file of ["labels", "mask", "overlay"])
          expect(await readImageFile(join(out, "cases", `${name}_${file}.png`))).toMatchObject({ width: 64 });
      }
      const logged = logOf(out).map((line) => line.case);
      expect(logged).toHaveLength(new Set(logged).size);
      expect(readdirSync(join(out, "staging"))).toEqual([]);

      // Nothing is left to do, and nothing is done.
      expect(medsam(args).status).toBe(0);
      expect(logOf(out)).toHaveLength(logged.length);
    },
    LONG ? 900_000 : 200_000,
  );

  test.runIf(LONG)(
    "memory stays flat over three hundred cases",
    () => {
      const folder = temporaryFolder();
      const out = join(folder, "out");
      const args = ["batch", generate(folder, 300), "--out", out, "--workers", "1"];
      const { status, stderr } = medsam(args, undefined, 500_000);
      expect(status, stderr).toBe(0);
      const megabytes = logOf(out).map((line) => line.megabytes);
      const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
      const [first, last] = [mean(megabytes.slice(0, 100)), mean(megabytes.slice(-100))];
      console.log(
        `memory: ${first.toFixed(0)} MB over the first hundred cases, ${last.toFixed(0)} over the last`,
      );
      expect(Math.abs(last / first - 1)).toBeLessThan(0.1);
      expect(new Set(logOf(out).map(({ worker }) => worker)).size).toBe(1);
    },
    600_000,
  );

  test("a case that fails is recorded, the others are done, and a second run tries it again", () => {
    const folder = temporaryFolder();
    const table = generate(folder, 3);
    const broken = join(folder, "data", "images", "0001.png");
    const good = readFileSync(broken);
    writeFileSync(broken, good.subarray(0, 200));
    const out = join(folder, "out");
    const first = medsam(["batch", table, "--out", out, "--workers", "1", "--json"]);
    expect(first.status).toBe(1);
    expect(first.stderr).toContain("0001.png");
    expect(JSON.parse(first.stdout)).toMatchObject({ cases: 3, done: 2, failed: [{ case: "0001" }] });
    expect(JSON.parse(readFileSync(join(out, "summary.json"), "utf8"))).toMatchObject({ done: 2 });
    expect(readdirSync(join(out, "staging"))).toEqual([]);

    writeFileSync(broken, good);
    const second = medsam(["batch", table, "--out", out, "--workers", "1", "--json"]);
    expect(JSON.parse(second.stdout)).toMatchObject({ before: 2, done: 3, failed: [] });
  });

  test("volumes and points are cases too, and are not done again", () => {
    const folder = temporaryFolder();
    generate(folder, 1);
    const size = [40, 30, 6] as const;
    const data = Uint8Array.from({ length: 7200 }, (_, i) => {
      const [x, y, z] = [i % 40, Math.floor(i / 40) % 30, Math.floor(i / 1200)];
      return x >= 8 && x <= 20 && y >= 6 && y <= 16 && z >= 1 && z <= 4 ? 190 : 60;
    });
    const affine = [[-0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 4, 0]] as const; // prettier-ignore
    writeFileSync(join(folder, "v.nii.gz"), niftiLabelBytes({ size, affine, data }, "v.nii.gz"));
    writeFileSync(join(folder, "broken.nii.gz"), readFileSync(join(folder, "v.nii.gz")).subarray(0, 90));
    const rows = [
      "image,case,x0,y0,x1,y1,slice,z0,z1,object,points",
      'data/images/0000.png,picture,8,8,50,50,,,,,"20,20,1; 60,60,0"',
      "data/images/0000.png,picture,10,8,40,50,,,,,",
      "v.nii.gz,flat,8,6,20,16,2,,,a,",
      "v.nii.gz,flat,8,6,20,16,3,,,a,",
      "v.nii.gz,flat,7,5,21,17,,1,4,,",
      "broken.nii.gz,broken,1,1,9,9,2,,,,",
      "v.nii.gz,half,8,6,20,16,99,,,,",
      "v.nii.gz,half,8,6,20,16,2,,,,",
    ];
    const table = join(folder, "cases.csv");
    writeFileSync(table, rows.join("\n"));
    const out = join(folder, "out");
    const args = ["batch", table, "--out", out, "--workers", "1", "--json"];
    const first = medsam(args);
    expect(first.status, first.stderr).toBe(1);
    expect(JSON.parse(first.stdout)).toMatchObject({ cases: 4, done: 3, failed: [{ case: "broken" }], skipped: [{ case: "half", error: expect.stringMatching(/row 7: .* slice 99/) as string }] }); // prettier-ignore
    expect(first.stderr).toMatch(/broken: .*broken\.nii\.gz/);
    const result = (name: string) => JSON.parse(readFileSync(join(out, "cases", `${name}.json`), "utf8")) as { objects: { label: number }[]; prompts: object[] }; // prettier-ignore
    expect(result("picture").objects).toMatchObject([{ box: [8, 8, 50, 50], points: [{ label: 1 }, { label: 0 }] }, { box: [10, 8, 40, 50] }]); // prettier-ignore
    expect(result("half").objects.map(({ label }) => label)).toEqual([2]);
    expect(result("flat").objects.map(({ label }) => label)).toEqual([1, 2]);
    expect(result("flat").prompts).toEqual([
      { label: 1, slices: { "2": { box: [8, 6, 20, 16] }, "3": { box: [8, 6, 20, 16] } } },
      { label: 2, slices: { "2": { box: [7, 5, 21, 17] } }, within: [1, 4] },
    ]);
    expect(readdirSync(join(out, "cases")).filter((name) => name.startsWith("flat")).sort()).toEqual(["flat.json", "flat_labels.nii.gz", "flat_slices.png"]); // prettier-ignore
    const { provenance } = JSON.parse(readFileSync(join(out, "cases", "flat.json"), "utf8")) as SegmentResult;
    expect(provenance).toMatchObject({ folder: "the table's", command: expect.stringMatching(/^medsam batch cases\.csv .* --out again$/) as string }); // prettier-ignore
    expect(runAgain(provenance.command, folder).status).toBe(1); // of the broken one
    for (const file of readdirSync(join(out, "cases")))
      expect(readFileSync(join(folder, "again", "cases", file)).equals(readFileSync(join(out, "cases", file)))).toBe(true); // prettier-ignore
    const before = identities(out);
    expect(JSON.parse(medsam(args).stdout)).toMatchObject({ before: 2, done: 3 });
    before.delete("half.json");
    expect([...identities(out)]).toEqual(expect.arrayContaining([...before]));
    writeFileSync(table, rows.join("\n").replace("8,6,20,16,3", "8,6,20,16,4"));
    expect(medsam(args).stderr).toContain("flat.json: was made with other prompts");
    // What segments pictures says where volumes go.
    expect(medsam(["segment", "--boxes", table])).toMatchObject({ status: 2, stderr: expect.stringContaining("medsam batch and segment-volume do volumes") as string }); // prettier-ignore
  });

  test("skips rows that it cannot use, says them in log and summary, and tries them again", () => {
    const folder = temporaryFolder();
    const table = generate(folder, 2);
    const [first, second] = ["data/images/0000.png", "data/images/0001.png"];
    const rows = ["image,x0,y0,x1,y1", `${first},8,8,50,50`, `${first},70,0,90,9`, `${second},-3,8,50,50`, `${second},1,x,9,9`, ",1,1,9,9"]; // prettier-ignore
    writeFileSync(table, rows.join("\n"));
    const out = join(folder, "out");
    const args = ["batch", table, "--out", out, "--workers", "1", "--json"];
    const run = medsam(args);
    expect(run.status).toBe(1);
    const outside = `${table}, row 2: box [70,0,90,9] lies wholly outside the image of 64 x 64 pixels`;
    const notANumber = `${table}, row 4: column y0 is "x"; expected a number of pixels`;
    const noImage = `${table}, row 5: column image is ""; expected the file name of an image`;
    const cut = expect.stringContaining("box [-3,8,50,50] lies partly outside the image") as string;
    expect(run.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/^medsam: 0001: .*box \[-3,8,50,50\] lies partly outside the image/),
      `medsam: ${noImage}`,
      `medsam: 0000: ${outside}`,
      `medsam: 0001: ${notANumber}`,
    ]);
    const skipped = [{ case: "0000", error: outside }, { case: "0001", error: notANumber }]; // prettier-ignore
    expect(JSON.parse(readFileSync(join(out, "summary.json"), "utf8"))).toMatchObject({ done: 2, failed: [], skipped, badRows: [noImage] }); // prettier-ignore
    expect(logOf(out)).toMatchObject([
      { case: "0000", skipped: [outside] },
      { case: "0001", skipped: [notANumber], warnings: [cut] },
    ]);

    const strict = medsam(["batch", table, "--out", join(folder, "strict"), "--strict"]);
    expect(strict.status).toBe(2);
    expect(strict.stderr).toContain(notANumber);
    expect(existsSync(join(folder, "strict"))).toBe(false);

    writeFileSync(
      table,
      [...rows.slice(0, 2), `${first},9,9,40,40`, rows[3], `${second},1,1,9,9`].join("\n"),
    );
    const mended = medsam(args);
    expect(mended.status, mended.stderr).toBe(0);
    expect(JSON.parse(mended.stdout)).toMatchObject({ before: 0, done: 2, skipped: [], badRows: [] });
    expect(JSON.parse(medsam(args).stdout)).toMatchObject({ before: 2, done: 2 });
  });

  test("--strict ends a batch at the first case that fails", () => {
    const folder = temporaryFolder();
    const table = generate(folder, 3);
    writeFileSync(table, readFileSync(table, "utf8").replace("0000.png,8,8,50,50", "0000.png,70,0,90,9"));
    const run = medsam(["batch", table, "--out", join(folder, "out"), "--workers", "1", "--strict"]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("0000: ");
    expect(run.stderr).toContain("stopped there, as --strict says; cases not done: 2");
    expect(finished(join(folder, "out"))).toEqual([]);
  });

  test("shards share a folder and leave nothing out", () => {
    const folder = temporaryFolder();
    const table = generate(folder, 5);
    const out = join(folder, "out");
    for (const shard of ["1/2", "2/2"]) {
      const run = medsam(["batch", table, "--out", out, "--workers", "1", "--shard", shard]);
      expect(run.status, run.stderr).toBe(0);
    }
    expect(finished(out)).toHaveLength(5);
    expect(logOf(out, "log_1-of-2.jsonl")).toHaveLength(3);
    expect(logOf(out, "log_2-of-2.jsonl")).toHaveLength(2);
    expect(existsSync(join(out, "summary_2-of-2.json"))).toBe(true);
  });

  test("a worker that is killed costs one case", async () => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    const args = ["batch", generate(folder, 8), "--out", out, "--workers", "1"];
    const child = spawn(process.execPath, [MAIN, ...args], { env: ENV, stdio: "ignore" });
    // The file is there a moment before its first line.
    while (!existsSync(join(out, "log.jsonl")) || logOf(out).length === 0) await sleep(10);
    process.kill(logOf(out)[0].worker, "SIGKILL");
    await exited(child);
    const failed = logOf(out).filter(({ error }) => error !== undefined);
    expect(failed.length).toBeLessThanOrEqual(1);
    for (const { error } of failed) expect(error).toContain("the worker process died (SIGKILL)");
    expect(finished(out)).toHaveLength(8 - failed.length);
    expect(medsam(args).status).toBe(0);
    expect(finished(out)).toHaveLength(8);
  });

  test("a full disk stops it with one message; with room it goes on", ({ skip }) => {
    const folder = temporaryFolder();
    const table = generate(folder, 6);
    const out = join(folder, "small");
    mkdirSync(out);
    const mount = (size: string) =>
      spawnSync("mount", ["-t", "tmpfs", "-o", size, "none", out], { stdio: "ignore" });
    if (mount("size=64k").status !== 0) {
      console.warn("batch.test.ts: the full disk is not tried, as mounting one is not permitted here");
      return skip();
    }
    try {
      const args = ["batch", table, "--out", out, "--workers", "1"];
      const full = medsam(args);
      expect(full.status).toBe(1);
      expect(full.stderr.trim().split("\n")).toHaveLength(1);
      expect(full.stderr).toContain("cannot be written to (ENOSPC");
      expect(full.stderr).toContain("Make room and run the same command again");
      expect(mount("remount,size=10m").status).toBe(0);
      const after = medsam(args);
      expect(after.status, after.stderr).toBe(0);
      expect(readdirSync(join(out, "cases"))).toHaveLength(4 * 6);
    } finally {
      spawnSync("umount", [out]);
    }
  });

  test("what cannot be meant is refused before anything is done", () => {
    const folder = temporaryFolder();
    const table = generate(folder, 2);
    const out = join(folder, "out");
    const refused = (lines: readonly string[], message: string) => {
      const file = join(folder, "wrong.csv");
      writeFileSync(file, ["image,x0,y0,x1,y1,case", ...lines, ""].join("\n"));
      const run = medsam(["batch", file, "--out", out]);
      expect(run.status).not.toBe(0);
      expect(run.stderr).toContain(message);
      expect(run.stderr.trim().split("\n")).toHaveLength(1);
      expect(existsSync(out)).toBe(false);
    };
    refused(["nothing.png,1,1,9,9,a"], "nothing.png: no such file");
    mkdirSync(join(folder, "other"));
    cpSync(join(folder, "data", "images", "0000.png"), join(folder, "other", "0000.png"));
    refused(["data/images/0000.png,1,1,9,9,", "other/0000.png,1,1,9,9,"], "would both write 0000.json");
    refused(["data/images/0000.png,1,1,9,9,a", "other/0000.png,1,1,9,9,a"], "the case a is both");
    refused(["data/images/0000.png,1,1,9,9,../a"], 'column case is "../a"');
    expect(medsam(["batch", table, "--out", out, "--shard", "3/2"]).status).toBe(2);

    mkdirSync(join(folder, "mine"));
    writeFileSync(join(folder, "mine", "notes.txt"), "");
    expect(medsam(["batch", table, "--out", join(folder, "mine")]).stderr).toContain(
      "is not empty and no batch",
    );
    expect(medsam(["batch", table, "--out", out]).status).toBe(0);
    expect(medsam(["batch", table, "--out", out, "--crop", "0"]).stderr).toContain(
      "holds a batch with other settings (crop undefined, not 0)",
    );
    const several = medsam(["batch", table, "--out", join(folder, "several"), "--multimask"]);
    expect(several.status).toBe(2);
    expect(several.stderr).toContain("--multimask: the weights in the package never learnt");
    expect(existsSync(join(folder, "several"))).toBe(false);
    writeFileSync(table, readFileSync(table, "utf8").replace("8,8,50,50", "9,9,50,50"));
    expect(medsam(["batch", table, "--out", out]).stderr).toContain("was made with other prompts");
  });
});
