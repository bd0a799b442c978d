import js from "@eslint/js";
import importX, { createNodeResolver } from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

/**
 * Which rooms of `src/` a room may import (itself always). A room may also import what those may: the
 * list is closed transitively below. Keep it in step with docs/architecture.md.
 */
const mayImport = {
  weights: [],
  ops: [],
  layers: ["ops", "weights"],
  model: ["layers"],
  image: [],
  volume: ["image"],
  video: ["image", "volume"],
  predictor: ["model", "image", "volume"],
  evaluate: ["image", "volume"],
  report: ["image"],
  train: ["model", "predictor", "image", "volume", "evaluate", "report"],
  inspect: ["model", "report"],
  backend: ["model", "inspect"],
};
// The command line stands above every room and nothing imports it.
const rooms = Object.keys(mayImport);

function reachable(room) {
  const seen = new Set([room]);
  const visit = (name) => {
    for (const next of mayImport[name]) {
      if (!seen.has(next)) {
        seen.add(next);
        visit(next);
      }
    }
  };
  visit(room);
  return seen;
}

const zones = rooms.map((room) => ({
  target: `./src/${room}`,
  from: "./src",
  except: [...reachable(room)].map((name) => `./${name}`),
  message: `src/${room} may import only: ${[...reachable(room)].join(", ")} (see docs/architecture.md).`,
}));

export default tseslint.config(
  { ignores: ["dist/", "dist-web/", "docs/api/", ".cache/", "out/", "coverage/"] },
  js.configs.recommended,
  {
    files: ["**/*.{js,mjs}"],
    languageOptions: {
      globals: {
        process: "readonly",
        console: "readonly",
        URL: "readonly",
        AbortController: "readonly",
        performance: "readonly",
      },
    },
  },
  {
    files: ["**/*.cjs"],
    languageOptions: { globals: { require: "readonly", __filename: "readonly" } },
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "import-x": importX },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": "off",
      "import-x/no-default-export": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    plugins: { "import-x": importX },
    settings: {
      "import-x/resolver-next": [createNodeResolver({ extensionAlias: { ".js": [".ts", ".js"] } })],
    },
    rules: {
      "import-x/no-restricted-paths": ["error", { zones }],
      "no-console": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[object.property.name='image'][property.name='resizeBilinear']",
          message: "Its gradient ignores half-pixel centres: use resizeBilinear of src/ops/resize.ts.",
        },
      ],
    },
  },
  {
    files: ["src/cli/**/*.ts"],
    rules: { "no-console": "off" },
  },
  {
    files: ["*.config.ts"],
    rules: { "import-x/no-default-export": "off" },
  },
);
