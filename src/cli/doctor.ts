import { Command } from "commander";
import type { Probe } from "../backend/doctor.node.js";

/** `medsam doctor`: what runs here, and why not. */
export function doctorCommand(signal: AbortSignal): Command {
  return new Command("doctor")
    .summary("which backends run here, and why not")
    .description(
      "Starts every backend in a process of its own, compares the checkpoint in the package with its golden values on " +
        "it, and times it.",
    )
    .option("--json", "print one JSON document and nothing else")
    .action(async ({ json }: { json?: boolean }) => {
      const { NODE_BACKENDS, probeBackend } = await import("../backend/doctor.node.js");
      const probes: Probe[] = [];
      for (const name of NODE_BACKENDS) probes.push(await probeBackend(name, signal));
      if (json === true) console.log(JSON.stringify(probes, null, 2));
      else console.log(table(probes).join("\n"));
      if (probes.every((probe) => "reason" in probe || probe.rows.some(({ ok }) => !ok)))
        process.exitCode = 1;
    });
}

function table(probes: readonly Probe[]): string[] {
  const fastest = Math.min(...probes.map((probe) => ("reason" in probe ? Infinity : probe.milliseconds)));
  const head = ["backend", "self-test", "time", "memory", "device"];
  const rows = probes.map((probe) => {
    if ("reason" in probe) return [probe.name, "–", "–", "–", probe.reason];
    const failed = probe.rows.find(({ ok }) => !ok);
    const share = (difference: number) => `${(100 * difference).toPrecision(2)} %`;
    const worst = Math.max(...probe.rows.map(({ difference }) => difference));
    return [
      probe.name,
      failed === undefined
        ? `passed (${worst.toExponential(0)})`
        : `FAILED: ${failed.path} by ${share(failed.difference)}`,
      `${(probe.milliseconds / fastest).toFixed(1)} x`,
      `${(probe.memory / 1e6).toFixed(0)} MB`,
      probe.device,
    ];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n]))
      .join("  ")
      .trimEnd(),
  );
}
