import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { parse } from "yaml";
import { ensureCertificates } from "../../../src/quickstart/certificates.ts";

/** A configuration in a directory of its own, with a stand-in for every file it names. */
export interface Stage {
  readonly directory: string;
  /** The configuration file. */
  readonly file: string;
  /** A stand-in for every environment variable it names. */
  readonly env: Readonly<Record<string, string>>;
}

interface Outline {
  readonly listen?: { readonly tls?: { readonly cert: string; readonly key: string; clientCa?: string } };
  readonly audit?: { readonly sinks?: readonly { readonly ca?: string }[] };
}

/**
 * Puts a configuration and its policies where they can be loaded: absolute paths move below a new directory, which goes
 * away with the test.
 *
 * @param policies file names relative to the configuration, to their text
 */
export async function stageConfig(text: string, policies: Readonly<Record<string, string>>): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-stage-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const moved = text.replaceAll(/(?<=[\s:"'])(?=\/(?:run|var|etc|data)\/)/g, directory);
  const file = join(directory, "sallyport.yaml");
  const files = [...moved.matchAll(/\$\{file:([^}]+)\}/g)].map(([, path = ""]) => [path, "stand-in\n"] as const);
  const lists = [...moved.matchAll(/breachedPasswords: (\S+)/g)].map(
    ([, path = ""]) => [path, `${"0".repeat(40)}:1\n`] as const,
  );
  for (const [path, content] of [[file, moved] as const, ...Object.entries(policies), ...files, ...lists]) {
    await mkdir(dirname(resolve(directory, path)), { recursive: true });
    await writeFile(resolve(directory, path), content, { mode: 0o600 });
  }
  await putCertificates(directory, parse(moved) as Outline);
  const names = [...moved.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = ""]) => name);
  return { directory, file, env: Object.fromEntries(names.map((name) => [name, "stand-in"])) };
}

async function putCertificates(directory: string, { listen, audit }: Outline): Promise<void> {
  const authorities = (audit?.sinks ?? []).flatMap(({ ca }) => ca ?? []);
  if (listen?.tls === undefined && authorities.length === 0) return;
  const made = await ensureCertificates(join(directory, "made"), new Date());
  const own =
    listen?.tls === undefined
      ? []
      : [
          [made.server, listen.tls.cert],
          [made.serverKey, listen.tls.key],
          ...(listen.tls.clientCa === undefined ? [] : [[made.ca, listen.tls.clientCa]]),
        ];
  for (const [from = "", to = ""] of [...own, ...authorities.map((ca) => [made.ca, ca])]) {
    await mkdir(dirname(resolve(directory, to)), { recursive: true });
    await copyFile(from, resolve(directory, to));
  }
}
