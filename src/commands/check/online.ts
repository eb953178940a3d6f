import { relative } from "node:path";
import { readYaml } from "../../config/document.ts";
import { readText } from "../../config/files.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { findingAt, type Lint } from "../../policy/lint/finding.ts";
import { lintOffers, type Offer } from "../../policy/lint/offers.ts";
import { listOffer } from "../../upstream/offer.ts";

/**
 * Asks every configured server what it offers, and finds patterns that fit none of it. A server that does not answer is a finding.
 *
 * @param file the configuration as the operator named it
 */
export async function lintOnline(loaded: LoadedConfig, file: string): Promise<Lint[]> {
  const offers = new Map<string, Offer>();
  const source = await readSource(loaded, file);
  const failures = await Promise.all(
    Object.entries(loaded.config.servers).map(async ([name, config]): Promise<Lint[]> => {
      try {
        offers.set(name, await listOffer(name, config, Date.now));
        return [];
      } catch (error) {
        const message = `nothing was compared with what this server offers: ${(error as Error).message}`;
        return [findingAt(source, ["servers", name], "server_unlisted", message, { at: "key" })];
      }
    }),
  );
  return [...failures.flat(), ...lintOffers(loaded.sources, loaded.policy, offers)];
}

async function readSource({ file: absolute }: LoadedConfig, file: string) {
  const read = await readText(absolute, { maxBytes: 1_048_576 });
  const yaml = readYaml(file, "fault" in read ? "" : read.value);
  if (Array.isArray(yaml)) throw new Error(`${relative(process.cwd(), absolute)} changed while it was checked`);
  return yaml;
}
