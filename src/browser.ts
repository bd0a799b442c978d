/**
 * MedSAM in a browser: weights come from a URL, a File or bytes.
 *
 * @module
 */
export * from "./api.js";
export { useBackend } from "./backend/useBackend.js";
export { loadMedSam, loadMedSam2, type CheckpointInput } from "./loadMedSam.js";
