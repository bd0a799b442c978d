// npm test [-- the arguments of vitest]: works on a fresh clone and needs nothing but Node and npm.
import { join } from "node:path";
import { ROOT, become, ensureBuilt, ensureInstalled } from "./ready.mjs";

ensureInstalled();
ensureBuilt();
become(join(ROOT, "node_modules", "vitest", "vitest.mjs"), ["run", ...process.argv.slice(2)]);
