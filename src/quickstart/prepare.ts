import { dirname, join, relative, sep } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { makeDirectory } from "../directory.ts";
import { type ListenAddress, readAddress, renderAddress } from "../network/address.ts";
import { suiteOf } from "../policy/files.ts";
import { type CertificatePaths, ensureCertificates } from "./certificates.ts";
import { codeOf, ensureFile, readIfThere, SetupError } from "./files.ts";
import { everythingUrl, gitignore, renderConfig, renderPolicy, renderSuite } from "./templates.ts";

/** What the person asked for; undefined where nothing was said. */
export interface QuickstartWishes {
  /** 0 leaves the choice to the operating system, or to the configuration that is there. */
  readonly port: number | undefined;
  readonly adminPort: number | undefined;
  /** URL of the MCP server to protect, as {@link readUpstream} returns it. */
  readonly upstream: string | undefined;
}

/** The machine that quickstart runs on. */
export interface Surroundings {
  /** Absolute path of the directory with the JSON Schemas. */
  readonly schemas: string;
  readonly now: Date;
  /** The port that can be listened on there, which port 0 leaves open; rejects with the system's error if none can. */
  readonly probe: (address: ListenAddress) => Promise<number>;
}

/** A directory that a gateway can be started from. */
export interface Prepared {
  readonly config: string;
  /** Where the gateway keeps what it needs between runs. */
  readonly data: string;
  readonly certificates: CertificatePaths;
  /** Whether the configuration counts on the demonstration server. */
  readonly needsEverything: boolean;
}

const host = "127.0.0.1";
const defaultPort = 8443;
const defaultAdminPort = 9090;

/**
 * Makes what is missing in the directory: certificates, configuration, policy and a suite for it. Files that exist are left as they are,
 * and policy and suite are written only together with the configuration: what an operator took away must not grant again.
 * Nothing is written when an address is taken, so that another run with other ports starts afresh.
 *
 * @param directory absolute
 * @throws SetupError when an address is taken, or the files there and the wishes do not fit
 */
export async function prepare(directory: string, wishes: QuickstartWishes, machine: Surroundings): Promise<Prepared> {
  const config = join(directory, "sallyport.yaml");
  const data = join(directory, "data");
  const present = await readIfThere(config);
  const text = present ?? (await draftConfig(config, wishes, machine));
  const found = readOutline(text);
  if (present !== undefined) await checkPresent(config, found, wishes, machine);
  makeDirectory(data);
  const certificates = await ensureCertificates(join(directory, "certs"), machine.now);
  if (present === undefined) {
    await ensurePolicy(directory, wishes.upstream ?? null, machine.schemas);
    await ensureFile(config, 0o644, () => text);
  }
  const needsEverything = Object.values(found?.servers ?? {}).some(({ url }) => url === everythingUrl.reference);
  return { config, data, certificates, needsEverything };
}

/** An absolute http or https URL in its normal form; undefined for anything that the configuration would not accept. */
export function readUpstream(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
  return url.username + url.password + url.search + url.hash === "" ? url.href : undefined;
}

async function draftConfig(
  config: string,
  wishes: QuickstartWishes,
  { schemas, probe }: Surroundings,
): Promise<string> {
  const advice = "choose other ports with --port and --admin-port";
  const claim = (port: number) => probeAddress({ host, port }, probe, advice);
  const port = await claim(wishes.port ?? defaultPort);
  const adminPort = await claim(wishes.adminPort ?? defaultAdminPort);
  if (port === adminPort) throw new SetupError(`Port ${port} cannot serve both listeners; ${advice}.`);
  const schema = schemaPath(config, join(schemas, "sallyport.schema.json"));
  return renderConfig({ schema, port, adminPort, upstream: wishes.upstream ?? null });
}

async function ensurePolicy(directory: string, upstream: string | null, schemas: string): Promise<void> {
  const policy = join(directory, "policies", "quickstart.yaml");
  makeDirectory(dirname(policy));
  await ensureFile(join(directory, ".gitignore"), 0o644, () => gitignore);
  const schema = schemaPath(policy, join(schemas, "policy.schema.json"));
  await ensureFile(policy, 0o644, () => renderPolicy(schema, upstream));
  const suiteSchema = schemaPath(policy, join(schemas, "policy-suite.schema.json"));
  await ensureFile(suiteOf(policy), 0o644, () => renderSuite(suiteSchema, upstream));
}

async function probeAddress(address: ListenAddress, probe: Surroundings["probe"], advice: string): Promise<number> {
  try {
    return await probe(address);
  } catch (error) {
    const why = codeOf(error) === "EADDRINUSE" ? "is already in use" : `cannot be listened on (${codeOf(error)})`;
    throw new SetupError(`${renderAddress(address)} ${why}; ${advice}.`);
  }
}

/** The little that is read here; everything else, mistakes included, is the gateway's own reader's business. */
const outline = z.object({
  listen: z.object({ address: z.string().default(`${host}:${defaultPort}`) }).prefault({}),
  admin: z.object({ address: z.string().default(`${host}:${defaultAdminPort}`) }).prefault({}),
  servers: z.record(z.string(), z.object({ url: z.string() })),
});

type Outline = z.output<typeof outline>;

function readOutline(text: string): Outline | undefined {
  try {
    return outline.safeParse(parse(text)).data;
  } catch {
    return undefined;
  }
}

/** A flag that cannot take effect is refused: going on without it would serve something else than was asked for. */
async function checkPresent(
  config: string,
  found: Outline | undefined,
  wishes: QuickstartWishes,
  { probe }: Surroundings,
): Promise<void> {
  if (found === undefined) return;
  const listeners = [
    { flag: "--port", wish: wishes.port, text: found.listen.address, keys: "listen.address and publicUrl" },
    { flag: "--admin-port", wish: wishes.adminPort, text: found.admin.address, keys: "admin.address" },
  ];
  for (const { flag, wish, text, keys } of listeners) {
    const address = readAddress(text);
    const elsewhere = `${keys} in ${config}, or run another gateway with ${flag} and --dir`;
    if (wish !== undefined && wish !== 0 && wish !== address?.port) {
      throw new SetupError(`${flag} has no effect on the configuration that is there: change ${elsewhere}.`);
    }
    if (address !== undefined) await probeAddress(address, probe, `stop what listens there, change ${elsewhere}`);
  }
  const urls = Object.values(found.servers).map(({ url }) => url);
  if (wishes.upstream === undefined || urls.includes(wishes.upstream)) return;
  throw new SetupError(
    `--upstream has no effect on the configuration that is there: change servers in ${config}, or choose another directory with --dir.`,
  );
}

/** How an editor finds a schema from a file: relative, so that a moved clone still works. */
function schemaPath(from: string, schema: string): string {
  return relative(dirname(from), schema).split(sep).join("/");
}
