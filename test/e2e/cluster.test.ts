import { Job } from "kubernetes-models/batch/v1/Job";
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { generate } from "./batchFiles.js";
import { ENV, MAIN, ROOT, temporaryFolder } from "./medsam.js";

const read = (file: string) => readFileSync(join(ROOT, "examples", "cluster", file), "utf8");

/** Runs a shell script as a node of a cluster would, with the small weights. */
function onNode(script: string, folder: string, env: Readonly<Record<string, string>>) {
  const npx = join(folder, "npx");
  writeFileSync(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  chmodSync(npx, 0o755);
  const plain = script.replace(/--checkpoint \S+/, "--backend wasm");
  const path = `${folder}${delimiter}${process.env["PATH"]}`;
  return spawnSync("sh", ["-c", plain], {
    cwd: folder,
    env: { ...ENV, ...env, PATH: path },
    encoding: "utf8",
  });
}

interface Manifest {
  readonly spec: {
    readonly completions: number;
    readonly completionMode: string;
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] };
    };
  };
}

describe("examples/cluster", () => {
  test("the Kubernetes job is valid by Kubernetes' own schema", () => {
    const manifest = parse(read("kubernetes.yaml")) as ConstructorParameters<typeof Job>[0];
    expect(() => new Job(manifest).validate()).not.toThrow();
    const wrong = structuredClone(manifest) as { spec: { completions: unknown } };
    wrong.spec.completions = "eight";
    expect(() => new Job(wrong as typeof manifest).validate()).toThrow(/completions/);
  });

  test("all parts of the Kubernetes job together do every case", () => {
    const { spec } = parse(read("kubernetes.yaml")) as Manifest;
    expect(spec).toMatchObject({ completions: 8, completionMode: "Indexed" });
    const script = spec.template.spec.containers[0].args[0];
    expect(script).toContain(`/${spec.completions}"`);
    const folder = temporaryFolder();
    generate(folder, 2);
    for (const index of ["0", "1", "7"]) {
      const run = onNode(script, folder, { JOB_COMPLETION_INDEX: index });
      expect(run.status, run.stderr).toBe(0);
    }
    expect(readdirSync(join(folder, "results", "cases"))).toHaveLength(8);
    expect(readdirSync(join(folder, "results"))).toContain("summary_8-of-8.json");
  });

  test("a part of the Slurm array does its cases", () => {
    const folder = temporaryFolder();
    generate(folder, 3);
    const env = { SLURM_ARRAY_TASK_ID: "2", SLURM_ARRAY_TASK_COUNT: "8" };
    const run = onNode(read("slurm.sh"), folder, env);
    expect(run.status, run.stderr).toBe(0);
    expect(readdirSync(join(folder, "results", "cases"))).toContain("0001.json");
    expect(readdirSync(join(folder, "results", "cases"))).toHaveLength(4);
  });
});
