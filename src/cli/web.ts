import { Command, InvalidArgumentError } from "commander";

interface WebFlags {
  readonly port: number;
  readonly host: string;
  readonly allow: readonly string[];
}

/** `medsam web`: the page, from the package. */
export function webCommand(signal: AbortSignal): Command {
  return new Command("web")
    .summary("serve the page that segments in a browser")
    .description(
      "Serves the page of this package, with the headers that give the WASM backend its threads. The page computes in " +
        "the browser: nothing is sent anywhere. Only this computer can open it, unless --host says otherwise.",
    )
    .option("--port <number>", "where to listen; 0 takes a free one", port, 8765)
    .option("--host <name>", "address to listen on", "localhost")
    .option(
      "--allow <origin>",
      "let the page fetch weights from here too, such as https://example.org",
      origin,
      [],
    ) // prettier-ignore
    .addHelpText("after", "\nExample:\n  $ medsam web --port 8080")
    .action(async (flags: WebFlags) => {
      const { servePage } = await import("./webServer.js");
      const { address, closed } = await servePage(flags, signal);
      console.log(address);
      console.error("medsam: Ctrl-C ends it");
      await closed;
    });
}

function origin(text: string, before: readonly string[]): string[] {
  if (!URL.canParse(text) || !/^https?:/.test(text) || new URL(text).origin !== text.replace(/\/$/, ""))
    throw new InvalidArgumentError("expected an origin, such as https://example.org");
  return [...before, new URL(text).origin];
}

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw new InvalidArgumentError("expected 0 to 65535");
  return number;
}
