/**
 * `node --import bench/absent/hook.ts?PART …` runs a program without one part: what imports a module that the part names
 * gets its stand-in, and the stand-in alone gets the module. The product has no switch for it and needs none.
 */
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { isPart, parts } from "./parts.ts";

const part = new URL(import.meta.url).search.slice(1);
if (!isPart(part)) throw new Error(`bench/absent/parts.ts knows no part "${part}"`);
const standIns = new Map(
  Object.entries(parts[part].replaced).map(([module, file]) => {
    const replaced = new URL(`../../${module}`, import.meta.url);
    if (!existsSync(replaced)) throw new Error(`${module}, which ${file} is to stand in for, is not there`);
    return [replaced.href, new URL(file, import.meta.url).href];
  }),
);

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const standIn = standIns.get(found.url);
    return standIn === undefined || context.parentURL === standIn ? found : { ...found, url: standIn };
  },
});
