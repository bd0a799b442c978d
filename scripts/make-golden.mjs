// Writes models/medsam-tiny.golden.json: what the embedded checkpoint gives on the cpu backend, for the self-test.
import { writeFileSync } from "node:fs";
import { useBackend } from "../dist/backend/useBackend.js";
import { makeGolden } from "../dist/backend/selfTest.js";
import { EMBEDDED_CHECKPOINT, hashFile, loadMedSam } from "../dist/index.js";

await useBackend("cpu");
const golden = await makeGolden(await loadMedSam(), await hashFile(EMBEDDED_CHECKPOINT));
writeFileSync(
  new URL("../models/medsam-tiny.golden.json", import.meta.url),
  `${JSON.stringify(golden, null, 1)}\n`,
);
