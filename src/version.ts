import { readFileSync } from "node:fs";

/** The package's version, for `--version`, metrics and the audit trail; never for a response header. */
export const version: string = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
