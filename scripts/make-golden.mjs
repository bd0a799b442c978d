// node scripts/make-golden.mjs [FILE]: writes what the embedded checkpoint gives on the cpu backend, for the self-test;
// default: models/medsam-tiny.golden.json. Run it after `npm run build`.
import { writeFileSync } from "node:fs";
import { useBackend } from "../dist/backend/useBackend.js";
import { makeGolden } from "../dist/backend/selfTest.js";
import { EMBEDDED_CHECKPOINT, hashFile, loadMedSam } from "../dist/index.js";

await useBackend("cpu");
const golden = await makeGolden(await loadMedSam(), await hashFile(EMBEDDED_CHECKPOINT));
writeFileSync(
  process.argv[2] ?? new URL("../models/medsam-tiny.golden.json", import.meta.url),
  `${JSON.stringify(golden, null, 1)}\n`,
);
