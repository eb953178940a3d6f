import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** What mutants of src/policy/ are tried with: all that is quick, and part of the comparison with the plain reference. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../../", import.meta.url)),
    include: [
      "test/unit/policy/*.test.ts",
      "test/unit/config/golden.test.ts",
      "test/property/policy-reference.test.ts",
    ],
    exclude: ["test/unit/policy/badInput.test.ts"],
    env: { POLICY_QUESTIONS: "1000" },
    testTimeout: 60_000,
  },
});
