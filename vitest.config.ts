import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real processes start in some tests, on machines that may have two cores and other work.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
