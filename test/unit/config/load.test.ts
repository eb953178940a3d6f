import { generateKeyPairSync } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { ConfigError, type Problem } from "../../../src/config/diagnose.ts";
import { type LoadedConfig, loadConfig } from "../../../src/config/load.ts";
import { loadStateful } from "../../../src/config/parts.ts";
import { minimalExample } from "../../../src/config/reference.ts";
import { writeServer } from "../../../src/quickstart/x509.ts";
import { configWith, policy, writeTree } from "./fixture.ts";

const now = new Date("2026-06-15T00:00:00Z");

async function load(files: Record<string, string>, env: Record<string, string> = {}): Promise<LoadedConfig> {
  const directory = await writeTree({ "policies/a.yaml": policy, ...files });
  return loadConfig(join(directory, "sallyport.yaml"), env, now);
}

async function problemsOf(
  files: Record<string, string>,
  env: Record<string, string> = {},
): Promise<readonly Problem[]> {
  const error = await load(files, env).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).problems;
}

describe("what is loaded", () => {
  it("resolves file names against the configuration, not the working directory", async () => {
    const { config, directory, file, watched, watchedDirectories } = await load({
      "sallyport.yaml": configWith("identity: { issuers: { corp: { issuer: https://a.example, jwks: keys.json } } }\n"),
      "keys.json": '{"keys":[{}]}',
    });
    expect(file).toBe(join(directory, "sallyport.yaml"));
    expect(config.audit.directory).toBe(join(directory, "data/audit"));
    expect(config.state.directory).toBe(join(directory, "data"));
    expect(config.identity.issuers.corp?.jwks).toBe(join(directory, "keys.json"));
    expect(config.policies.files).toEqual([join(directory, "policies/a.yaml")]);
    const own = ["keys.json", "policies/a.yaml", "policies/a_test.yaml"].map((name) => join(directory, name));
    expect(watched.toSorted()).toEqual([file, ...own].sort());
    expect(watchedDirectories).toEqual([join(directory, "policies")]);
  });

  it("resolves the list of breached passwords, which is not watched, for a gateway and for commands", async () => {
    const line = `${"0".repeat(40)}:1\n`;
    const login = "identity: { builtin: { login: { breachedPasswords: lists/pwned.txt } } }\n";
    const { config, directory, file, watched } = await load({
      "sallyport.yaml": configWith(login),
      "policies/a.yaml": "version: 1\n",
      "lists/pwned.txt": line,
    });
    const expected = join(directory, "lists/pwned.txt");
    expect(config.identity.builtin.login.breachedPasswords).toBe(expected);
    expect(watched).not.toContain(expected);
    expect((await loadStateful(file)).identity.builtin.login.breachedPasswords).toBe(expected);
  });

  it("leaves the URL of a key set alone", async () => {
    const issuers = "identity: { issuers: { corp: { issuer: https://a.example, jwks: https://a.example/keys } } }\n";
    const { config } = await load({ "sallyport.yaml": configWith(issuers) });
    expect(config.identity.issuers.corp?.jwks).toBe("https://a.example/keys");
  });

  it("passes over test suites and hidden files, and sorts the rest", async () => {
    const empty = "version: 1\n";
    const { policy: program } = await load({
      "sallyport.yaml": configWith(),
      "policies/c.yaml": empty,
      "policies/b.yaml": empty,
      "policies/a_test.yaml": "not: a policy",
      "policies/.hidden.yaml": "not: a policy",
    });
    expect(program.files).toEqual(["policies/a.yaml", "policies/b.yaml", "policies/c.yaml"]);
  });

  it("watches suites, and the places where one would count, unless reloads do not depend on them", async () => {
    const policies = "policies: { files: [policies/*.yaml], testsOnReload: false }\n";
    const files = { "policies/a.yaml": policy, "policies/more_test.yaml": "" };
    const tested = await load({ ...files, "sallyport.yaml": configWith() });
    const suites = (paths: readonly string[]) => paths.filter((path) => path.includes("_test")).toSorted();
    expect(suites(tested.watched)).toEqual(
      ["policies/a_test.yaml", "policies/more_test.yaml"].map((name) => join(tested.directory, name)),
    );
    const untested = await load({
      ...files,
      "sallyport.yaml": configWith().replace("policies: [policies/*.yaml]\n", policies),
    });
    expect(untested.config.policies.testsOnReload).toBe(false);
    expect(suites(untested.watched)).toEqual([]);
  });

  it("is the same by its hash whatever suites say", async () => {
    const files = { "policies/a.yaml": policy, "sallyport.yaml": configWith() };
    const [one, other] = [await load({ ...files, "policies/a_test.yaml": "a" }), await load(files)];
    expect(one.suites).toHaveLength(1);
    expect(one.hash).toBe(other.hash);
  });

  it("loads the example of the reference", async () => {
    // It trusts another issuer beside the gateway's own.
    const named = policy.replace("[analysts]", "[analysts], issuers: [builtin]");
    await expect(load({ "sallyport.yaml": minimalExample, "policies/a.yaml": named })).resolves.toMatchObject({
      warnings: [],
    });
  });

  it("tells a missing file from a faulty one", async () => {
    const directory = await writeTree({});
    const loading = loadConfig(join(directory, "sallyport.yaml"), {}, now);
    await expect(loading).rejects.toMatchObject({ name: "ConfigError", kind: "unreadable" });
  });
});

describe("references", () => {
  it("reads numbers and booleans where these are wanted, and nowhere else", async () => {
    const { config } = await load(
      {
        "sallyport.yaml": configWith(
          `listen: { maxDepth: "\${DEPTH}", insecureHttp: "\${YES}" }\n`,
          `    credentials: { bearer: "\${DEPTH}" }\n`,
        ),
      },
      { DEPTH: "12", YES: "true" },
    );
    expect(config.listen.maxDepth).toBe(12);
    expect(config.listen.insecureHttp).toBe(true);
    expect(config.servers.weather?.credentials?.bearer?.reveal()).toBe("12");
  });

  it.each(["012", "1e3", "0x10", " 12", "12 ", "twelve"])("does not take %j for a number", async (text) => {
    const found = await problemsOf({ "sallyport.yaml": configWith(`listen: { maxDepth: "\${N}" }\n`) }, { N: text });
    expect(found).toMatchObject([{ path: "listen.maxDepth" }]);
  });

  it("cannot add YAML", async () => {
    const evil = `a, Y-Key: &b [*b] # \${HOME}`;
    const { config } = await load(
      { "sallyport.yaml": configWith("", `    headers: { X-Key: "\${EVIL}" }\n`) },
      { EVIL: evil },
    );
    expect(Object.keys(config.servers.weather?.headers ?? {})).toEqual(["X-Key"]);
    expect(config.servers.weather?.headers["X-Key"]?.reveal()).toBe(evil);
  });

  it.each([
    ["s3cret\n", "s3cret"],
    ["s3cret\r\n", "s3cret"],
    ["s3cret", "s3cret"],
  ])("takes a file without its last line break: %j", async (content, expected) => {
    const { config, directory, watched } = await load({
      "sallyport.yaml": configWith("", `    credentials: { bearer: "\${file:token}" }\n`),
      "token!": content,
    });
    expect(config.servers.weather?.credentials?.bearer?.reveal()).toBe(expected);
    expect(watched).toContain(join(directory, "token"));
  });

  it("trims one line break only", async () => {
    const found = await problemsOf({
      "sallyport.yaml": configWith("", `    credentials: { bearer: "\${file:token}" }\n`),
      "token!": "s3cret\n\n",
    });
    expect(found).toMatchObject([{ path: "servers.weather.credentials.bearer" }]);
  });

  it.each([0o604, 0o644, 0o660, 0o602])("refuses a file of mode %o", async (mode) => {
    const directory = await writeTree({
      "sallyport.yaml": configWith("", `    credentials: { bearer: "\${file:token}" }\n`),
      "policies/a.yaml": policy,
      "token!": "s3cret",
    });
    await chmod(join(directory, "token"), mode);
    const loading = loadConfig(join(directory, "sallyport.yaml"), {}, now);
    await expect(loading).rejects.toMatchObject({ problems: [{ hint: expect.stringContaining("chmod 600") }] });
  });

  it("refuses a directory, a large file and one that is not text", async () => {
    const server = `    headers: { A: "\${file:policies}", B: "\${file:large}", C: "\${file:binary}" }\n`;
    const directory = await writeTree({
      "sallyport.yaml": configWith("", server),
      "policies/a.yaml": policy,
      "large!": "x".repeat(65_537),
      "binary!": "",
    });
    await writeFile(join(directory, "binary"), Buffer.from([0xff, 0xfe]));
    const error = await loadConfig(join(directory, "sallyport.yaml"), {}, now).catch((thrown: unknown) => thrown);
    expect((error as ConfigError).problems.map(({ message }) => message)).toEqual([
      "this is not a regular file",
      "the file is larger than 65536 bytes",
      "the file is not UTF-8 text",
    ]);
  });
});

it("says how a certificate, key or list in DER becomes one that is read", async () => {
  const tls = "tls: { cert: der, key: der, clientCa: der, clientCrl: der }";
  const directory = await writeTree({
    "sallyport.yaml": configWith(
      `listen: { ${tls} }\naudit: { sinks: [{ type: webhook, url: "https://a.test/", ca: der }] }\n`,
    ),
    "policies/a.yaml": policy,
    "der!": "",
  });
  await writeFile(join(directory, "der"), Buffer.from([0x30, 0x82, 0x01, 0x0a]));
  const error = await loadConfig(join(directory, "sallyport.yaml"), {}, now).catch((thrown: unknown) => thrown);
  expect((error as ConfigError).problems.map(({ path, message, hint }) => [path, message, hint])).toEqual(
    [
      ["listen.tls.cert", "x509"],
      ["listen.tls.key", "pkey"],
      ["listen.tls.clientCa", "x509"],
      ["listen.tls.clientCrl", "crl"],
      ["audit.sinks[0].ca", "x509"],
    ].map(([path, kind]) => [
      path,
      "the file is not UTF-8 text",
      expect.stringContaining(`openssl ${kind} -inform der`),
    ]),
  );
});

describe("secrets", () => {
  it("never print", async () => {
    const secrets = `    credentials: { bearer: "\${CANARY}" }\n    headers: { X-Key: "\${CANARY}" }\n`;
    const loaded = await load({ "sallyport.yaml": configWith("", secrets) }, { CANARY: "canary" });
    expect(loaded.config.servers.weather?.credentials?.bearer?.reveal()).toBe("canary");
    expect(JSON.stringify(loaded)).not.toContain("canary");
    expect(inspect(loaded, { depth: Infinity, showHidden: true })).not.toContain("canary");
  });
});

describe("the hash", () => {
  it("changes with the content of any file, and not with comments, layout or the environment", async () => {
    const hashOf = async (files: Record<string, string>, env = { TOKEN: "a" }) => (await load(files, env)).hash;
    const server = `    credentials: { bearer: "\${TOKEN}" }\n`;
    const plain = { "sallyport.yaml": configWith("", server) };
    const hash = await hashOf(plain);
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    await expect(hashOf({ "sallyport.yaml": `# words\n${configWith("", server)}` })).resolves.toBe(hash);
    await expect(hashOf(plain, { TOKEN: "b" })).resolves.toBe(hash);
    await expect(hashOf({ "sallyport.yaml": configWith("log: { level: warn }\n", server) })).resolves.not.toBe(hash);
    await expect(hashOf({ ...plain, "policies/a.yaml": policy.replace("forecast", "alerts") })).resolves.not.toBe(hash);
    await expect(hashOf({ ...plain, "policies/b.yaml": "version: 1\n" })).resolves.not.toBe(hash);
  });

  it("of the settings is the same for other credentials: they are no reason to end a stream", async () => {
    const read = (server: string, more = "") => load({ "sallyport.yaml": configWith(more, server) });
    const plain = await read("");
    const one = await read(`    credentials: { bearer: one }\n`);
    const other = await read(`    credentials: { bearer: other, assertion: {} }\n`);
    expect([one.settings, other.settings]).toEqual([plain.settings, plain.settings]);
    expect(new Set([plain.hash, one.hash, other.hash]).size).toBe(3);
    expect((await read("", "log: { level: warn }\n")).settings).not.toBe(plain.settings);
    expect((await read("    maxResponse: 1MiB\n")).settings).not.toBe(plain.settings);
  });

  it("of the policy changes with what policy files say, and with nothing else", async () => {
    const hashOf = async (files: Record<string, string>) => (await load(files)).policy.hash;
    const plain = { "sallyport.yaml": configWith("") };
    const hash = await hashOf(plain);
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    await expect(hashOf({ "sallyport.yaml": configWith("log: { level: warn }\n") })).resolves.toBe(hash);
    await expect(hashOf({ ...plain, "policies/a.yaml": `# words\n${policy}` })).resolves.toBe(hash);
    await expect(hashOf({ ...plain, "policies/a.yaml": policy.replace("forecast", "alerts") })).resolves.not.toBe(hash);
  });
});

describe("certificates", () => {
  const day = 86_400_000;
  const later = new Date(now.getTime() + 90 * day);
  let pair: { cert: string; key: string };
  let other: { cert: string; key: string };
  beforeAll(async () => {
    pair = await certify("mcp.example.com", later);
    other = await certify("mcp.example.com", later);
  });

  async function certify(host: string, notAfter: Date, notBefore = new Date(now.getTime() - day)) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const facts = { serial: Buffer.of(1), notBefore, notAfter, issuer: "Test", issuerKey: privateKey };
    const cert = await writeServer(facts, host, publicKey, { names: [host], addresses: [] });
    return { cert, key: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
  }

  const config = configWith("listen: { tls: { cert: server.pem, key: server.key } }\n");
  const tree = ({ cert, key }: { cert: string; key: string }) => ({
    "sallyport.yaml": config,
    "server.pem": cert,
    "server.key!": key,
  });

  it("accepts a pair that fits, and watches it", async () => {
    const { config: loaded, directory, watched, warnings } = await load(tree(pair));
    expect(loaded.listen.tls).toEqual({ cert: join(directory, "server.pem"), key: join(directory, "server.key") });
    expect(watched).toEqual(expect.arrayContaining([join(directory, "server.pem"), join(directory, "server.key")]));
    expect(warnings).toEqual([]);
  });

  it("refuses what does not fit or cannot be read", async () => {
    const cases = [
      [{ cert: pair.cert, key: other.key }, "listen.tls.key", "the key does not belong to the certificate"],
      [{ cert: "nonsense", key: pair.key }, "listen.tls.cert", "this is not a PEM certificate"],
      [{ cert: pair.cert, key: "nonsense" }, "listen.tls.key", "this is not a PEM private key without a passphrase"],
    ] as const;
    for (const [files, path, message] of cases)
      await expect(problemsOf(tree(files))).resolves.toMatchObject([{ path, message }]);
  });

  it("refuses one that expired or is not valid yet, to the second", async () => {
    const expired = await certify("mcp.example.com", now);
    const early = await certify("mcp.example.com", new Date(now.getTime() + 90 * day), new Date(now.getTime() + 1_000));
    await expect(problemsOf(tree(expired))).resolves.toMatchObject([{ message: expect.stringContaining("expired") }]);
    await expect(problemsOf(tree(early))).resolves.toMatchObject([
      { message: expect.stringContaining("not valid before") },
    ]);
  });

  it("warns of a publicUrl by which clients would not speak TLS", async () => {
    const own = tree(await certify("localhost", new Date(now.getTime() + 90 * day)));
    const plain = { ...own, "sallyport.yaml": config.replace(/^publicUrl: .*$/m, "publicUrl: http://localhost:8443") };
    expect((await load(plain)).warnings).toMatchObject([
      {
        path: "publicUrl",
        message: "clients would speak http here, and listen.tls answers https alone",
        hint: "write https://localhost:8443, or remove listen.tls",
      },
    ]);
  });

  it("warns of one that ends soon and of one for another host", async () => {
    const odd = await certify("other.example.com", new Date(now.getTime() + 13 * day));
    const { warnings } = await load(tree(odd));
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining("expires soon"),
      "the certificate is not for the host of publicUrl",
    ]);
  });

  it("refuses a key that others may read", async () => {
    const found = await problemsOf({ "sallyport.yaml": config, "server.pem": pair.cert, "server.key": pair.key });
    expect(found).toMatchObject([{ path: "listen.tls.key", hint: expect.stringContaining("chmod 600") }]);
  });
});
