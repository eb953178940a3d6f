#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that an old one gets a sentence instead of a syntax error.
import { existsSync } from "node:fs";

// The first with Argon2 (https://nodejs.org/api/crypto.html#cryptoargon2algorithm-parameters-callback).
const [oldestMajor, oldestMinor] = [24, 7];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  console.error(
    `sallyport needs Node ${oldestMajor}.${oldestMinor} or newer and this is ${process.versions.node}. ` +
      "Inside a clone, `npm ci && npm start` brings its own; elsewhere, `npm install node@26` in this folder does.",
  );
  process.exit(2);
}
// Node strips types only outside node_modules (https://nodejs.org/api/typescript.html), so the package ships dist/.
const built = new URL("../dist/main.js", import.meta.url);
const source = new URL("../src/main.ts", import.meta.url);
const { main } = await import((existsSync(source) ? source : built).href);
process.exitCode = await main(process.argv.slice(2));
