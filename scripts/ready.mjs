import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Installs what the lock file names, unless it is there already. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`this is Node ${process.versions.node}; expected 20.19 or newer. Get one from https://nodejs.org`);
  if (isInstalled()) return;
  console.error("Installing the packages of package-lock.json (npm ci), once ...");
  npm(["ci", "--no-audit", "--no-fund", "--loglevel=error"], "installing failed");
}

/** Compiles `src` to `dist`, unless `dist` is newer. */
export function ensureBuilt() {
  const built = join(ROOT, "dist", "cli", "main.js");
  if (existsSync(built) && statSync(built).mtimeMs > newest(join(ROOT, "src"))) return;
  console.error("Compiling (npm run build), once ...");
  npm(["run", "--silent", "build"], "the build failed");
}

/** Runs Node on a script with the terminal handed through, and ends as it ends. */
export function become(script, args, cwd = ROOT) {
  const { status, signal } = spawnSync(process.execPath, [script, ...args], { cwd, stdio: "inherit" });
  process.exitCode = status ?? (signal === "SIGINT" ? 130 : 1);
}

/** npm keeps a list of what it installed; every package must be there in the version that the lock file names. */
function isInstalled() {
  const list = join(ROOT, "node_modules", ".package-lock.json");
  if (!existsSync(list)) return false;
  const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
  const [wanted, present] = [read(join(ROOT, "package-lock.json")), read(list)];
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === "" || (present[path] === undefined ? optional : present[path].version === version),
  );
}

/** Time of the last change below a folder. A folder's own time tells of files that were removed. */
function newest(folder) {
  const times = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? newest(path) : statSync(path).mtimeMs;
  });
  return Math.max(statSync(folder).mtimeMs, ...times);
}

function npm(args, problem) {
  const script = process.env.npm_execpath; // set where npm started this script
  const windows = process.platform === "win32";
  const options = { cwd: ROOT, stdio: ["ignore", 2, 2] };
  const { status } = script?.endsWith("npm-cli.js")
    ? spawnSync(process.execPath, [script, ...args], options)
    : spawnSync("npm", args, { ...options, shell: windows });
  if (status !== 0) fail(`${problem}; what npm said is above`);
}

function fail(message) {
  console.error(`medsam: ${message}`);
  process.exit(1);
}
