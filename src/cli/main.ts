#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { batchCommand } from "./batch.js";
import { convertCommand } from "./convert.js";
import { doctorCommand } from "./doctor.js";
import { downloadCommand } from "./download.js";
import { messageOf, UsageError } from "./errors.js";
import { evaluateCommand } from "./evaluate.js";
import { finetuneCommand } from "./finetune.js";
import { inspectCommand } from "./inspect.js";
import { nativeCommand } from "./native.js";
import { parityCommand } from "./parity.js";
import { segmentCommand } from "./segment.js";
import { segmentVideoCommand } from "./segmentVideo.js";
import { segmentVolumeCommand } from "./segmentVolume.js";
import { submitCommand } from "./submit.js";
import { traceCommand } from "./trace.js";
import { synthesizeCommand } from "./synthesize.js";
import { PACKAGE_VERSION } from "./version.js";
import { webCommand } from "./web.js";
import { workerCommand } from "./worker.js";

/** What the process ends with. */
const EXIT = { failed: 1, wrongUse: 2, interrupted: 130 } as const;

// The first Ctrl-C lets the running step end, so that no output is left half written; the second ends at once.
const interruption = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => interruption.abort(new Error("interrupted")));

// A reader that has seen enough, such as `head`, is no failure: the work goes on, and says no more.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });

const program = new Command("medsam")
  .description("Segments medical images by boxes and points, with MedSAM on TensorFlow.js.")
  .version(PACKAGE_VERSION)
  .addHelpText(
    "after",
    `
Examples:
  $ medsam segment slice.png --box 95,255,190,350
  $ medsam download medsam
  $ medsam segment slice.png --box 95,255,190,350 --checkpoint medsam

Help on one command, with examples: medsam segment --help
Results are not for clinical use.`,
  );
for (const command of [
  segmentCommand(interruption.signal),
  segmentVolumeCommand(interruption.signal),
  segmentVideoCommand(interruption.signal),
  batchCommand(interruption.signal),
  submitCommand(),
  workerCommand(interruption.signal),
  downloadCommand(interruption.signal),
  convertCommand(interruption.signal),
  inspectCommand(interruption.signal),
  traceCommand(interruption.signal),
  synthesizeCommand(interruption.signal),
  finetuneCommand(interruption.signal),
  evaluateCommand(interruption.signal),
  nativeCommand(interruption.signal),
  doctorCommand(interruption.signal),
  parityCommand(interruption.signal),
  webCommand(interruption.signal),
])
  program.addCommand(command);
for (const command of [program, ...program.commands])
  command.exitOverride().configureOutput({ outputError: () => undefined });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong in one line on standard error. @returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
  if (error instanceof CommanderError && error.code === "commander.help") return EXIT.wrongUse; // help was shown
  const wrongUse = error instanceof UsageError || error instanceof CommanderError;
  const message = messageOf(error).replace(/^error: /, "");
  const command = program.commands.find((known) => known.name() === process.argv[2]);
  const help = ["medsam", command?.name(), "--help"].filter((word) => word !== undefined).join(" ");
  if (process.argv.includes("--json")) console.log(JSON.stringify({ error: message }));
  console.error(`medsam: ${message}${wrongUse ? ` (see: ${help})` : ""}`);
  if (interruption.signal.aborted) return EXIT.interrupted;
  return wrongUse ? EXIT.wrongUse : EXIT.failed;
}
