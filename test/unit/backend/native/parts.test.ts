import { expect, test } from "vitest";
import { NativeError } from "../../../../src/backend/native/nativeError.js";
import { pipArguments } from "../../../../src/backend/native/obtain.node.js";
import { partsOf, peakBytes, type Part } from "../../../../src/backend/native/parts.js";

const COMPUTERS = [
  ["cpu", "linux-x64"],
  ["gpu", "linux-x64"],
  ["cpu", "linux-arm64"],
  ["cpu", "darwin-arm64"],
] as const;

test.each(COMPUTERS)("pins every part for %s on %s", (variant, computer) => {
  const parts = partsOf(variant, computer);
  for (const { name, version, file, bytes, unpacked, sha256 } of parts) {
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(file).toContain(version);
    expect([name, Number.isSafeInteger(bytes) && bytes > 1e4, unpacked > bytes / 10]).toEqual([
      name,
      true,
      true,
    ]);
  }
  expect(new Set(parts.map(({ sha256 }) => sha256)).size).toBe(parts.length);
  expect(parts.filter(({ name }) => name.startsWith("tensorflow"))).toHaveLength(1);
  expect(parts.some(({ name }) => name.startsWith("nvidia-cublas"))).toBe(variant === "gpu");
});

test.each([
  ["cpu", "win32-x64", "WSL 2"],
  ["gpu", "win32-x64", "WSL 2"],
  ["gpu", "darwin-arm64", "with CUDA has no libraries for darwin-arm64; use the wasm backend"],
  ["gpu", "linux-arm64", "use the wasm backend"],
  ["cpu", "darwin-x64", "use the wasm backend"],
  ["cpu", "linux-ia32", "use the wasm backend"],
] as const)("says what to do instead for %s on %s", (variant, computer, message) => {
  expect(() => partsOf(variant, computer)).toThrow(NativeError);
  expect(() => partsOf(variant, computer)).toThrow(message);
});

test("asks pip for the very file", () => {
  const wheels = COMPUTERS.flatMap(([variant, computer]) => partsOf(variant, computer)).filter(
    ({ registry }) => registry === "pypi",
  );
  const platforms = new Set(wheels.map((part) => pipArguments(part).at(-2)));
  expect([...platforms].sort()).toEqual([
    "macosx_12_0_arm64",
    "manylinux_2_12_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_27_aarch64",
    "manylinux_2_27_x86_64",
  ]);
  expect(pipArguments(wheels[0])).toContain("tensorflow-cpu==2.21.0");
});

test("needs room for a wheel twice, or for it and what is in it, beside what is there already", () => {
  const part = (bytes: number, unpacked: number) => ({ bytes, unpacked }) as Part;
  expect(peakBytes([])).toBe(0);
  expect(peakBytes([part(10, 5)])).toBe(20);
  expect(peakBytes([part(10, 30)])).toBe(40);
  expect(peakBytes([part(10, 30), part(20, 1), part(1, 1)])).toBe(70);
  expect(peakBytes([part(0, 30)])).toBe(30);
});
