import { describe, expect, it } from "vitest";
import { patchBackend } from "../../../../src/backend/native/patchAddon.js";

describe("the addon's source", () => {
  it("takes lists of strings afterwards", () => {
    const source = "switch {\n    case TF_ATTR_STRING: {\n      one();\n    }\n}";
    const patched = patchBackend(source);
    expect(patched).toContain("case TF_ATTR_STRING: {\n      if (IsArray(");
    expect(patched).toContain("TFE_OpSetAttrStringList(");
    expect(patched.endsWith("      one();\n    }\n}")).toBe(true);
  });

  it.each(["", "    case TF_ATTR_STRING: {\n    case TF_ATTR_STRING: {\n"])(
    "is refused when it is another: %j",
    (source) => {
      expect(() => patchBackend(source)).toThrow("tfjs_backend.cc is not the one of @tensorflow/tfjs-node");
    },
  );
});
