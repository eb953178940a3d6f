import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real processes start in some tests, on machines that may have two cores and other work.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Unless told, one core is left idle: half of the machine where there are two. Some files do little but wait.
    maxWorkers: availableParallelism() + 1,
    // What starts a thousand times is compiled once. In the checkout, where nobody else can write.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url)) },
  },
});
