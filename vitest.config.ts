import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Against tests that hang, no more: processes start in some, and properties take a minute of processor, where others work as well.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // What is waited for comes; how soon is not what is tested.
    expect: { poll: { timeout: 60_000 } },
    // Unless told, one core is left idle: half of the machine where there are two. Some files do little but wait.
    maxWorkers: availableParallelism() + 1,
    // What starts a thousand times is compiled once. In the checkout, where nobody else can write.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url)) },
  },
});
