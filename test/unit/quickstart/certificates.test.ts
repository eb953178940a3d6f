import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type CertificatePaths, ensureCertificates } from "../../../src/quickstart/certificates.ts";
import { SetupError } from "../../../src/quickstart/files.ts";

const dayMs = 86_400_000;
let parent: string;
let directory: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "certificates-"));
  directory = join(parent, "certs");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function ensure(now = new Date()) {
  return ensureCertificates(directory, now);
}

async function readAll(): Promise<Record<string, string>> {
  const names = (await readdir(directory)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), "utf8")])),
  );
}

async function readCertificate(path: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(path));
}

function openssl(...args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Answers one connection with the certificate, and tells what a client that trusts only the CA makes of it. */
async function shakeHands(paths: CertificatePaths, servername?: string): Promise<string> {
  const read = (path: string) => readFile(path, "utf8");
  const [cert, key, ca] = [await read(paths.server), await read(paths.serverKey), await read(paths.ca)];
  const server = createServer({ cert, key }, (socket) => socket.end());
  server.on("tlsClientError", () => undefined);
  onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return await new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca, ...(servername && { servername }) }, () => {
      socket.destroy();
      resolve("trusted");
    });
    socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  });
}

/** What openssl says to a certificate for the names that was signed with the CA's key by other means. */
async function verifyForged(names: string): Promise<string> {
  const { ca, caKey } = await ensure();
  const file = (name: string) => join(parent, name);
  await writeFile(file("names"), `subjectAltName=${names}\n`);
  openssl("req", "-new", "-key", caKey, "-subj", "/O=forged", "-out", file("request"));
  const signer = ["-CA", ca, "-CAkey", caKey, "-extfile", file("names")];
  openssl("x509", "-req", "-in", file("request"), ...signer, "-out", file("forged"));
  try {
    return openssl("verify", "-CAfile", ca, file("forged"));
  } catch (error) {
    return String(error);
  }
}

describe("new certificates", () => {
  it.each([
    ["localhost", ["-verify_hostname", "localhost"]],
    ["127.0.0.1", ["-verify_ip", "127.0.0.1"]],
    ["::1", ["-verify_ip", "::1"]],
  ])("verify with openssl in strict mode for %s", async (_, host) => {
    const { ca, server } = await ensure();
    const purpose = ["-purpose", "sslserver", "-x509_strict"];
    expect(openssl("verify", ...purpose, ...host, "-CAfile", ca, server)).toBe(`${server}: OK\n`);
    expect(() => openssl("verify", "-verify_hostname", "example.com", "-CAfile", ca, server)).toThrow();
  });

  it.each([undefined, "localhost"])("are trusted in a TLS handshake with server name %s", async (servername) => {
    expect(await shakeHands(await ensure(), servername)).toBe("trusted");
  });

  it("come from a CA that cannot speak for other hosts, nor make further CAs", async () => {
    const { ca, caKey } = await ensure();
    const file = (name: string) => join(parent, name);
    await writeFile(file("names"), "subjectAltName=DNS:example.com\n");
    openssl("req", "-new", "-key", caKey, "-subj", "/CN=example.com", "-out", file("request"));
    const signer = ["-CA", ca, "-CAkey", caKey, "-extfile", file("names")];
    openssl("x509", "-req", "-in", file("request"), ...signer, "-out", file("forged"));
    expect(() => openssl("verify", "-CAfile", ca, file("forged"))).toThrow("permitted subtree violation");
    expect(openssl("x509", "-in", ca, "-noout", "-ext", "basicConstraints")).toContain("CA:TRUE, pathlen:0");
  });

  it.each(["DNS:localhost.example.com", "IP:127.0.0.0", "IP:::", "IP:2001:db8::1"])(
    "come from a CA that cannot speak for %s",
    async (name) => {
      expect(await verifyForged(name)).toContain("permitted subtree violation");
    },
  );

  it("come from a CA that anyone can sign with for this machine", async () => {
    expect(await verifyForged("IP:127.0.0.1,IP:::1,DNS:localhost")).toContain(": OK");
  });

  it("say how critical each of their limits is, and which key signed which", async () => {
    const { ca, server } = await ensure();
    const critical = (path: string) =>
      openssl("x509", "-in", path, "-noout", "-text")
        .split("\n")
        .flatMap((line) => /^ +X509v3 (.*): critical$/.exec(line)?.[1] ?? []);
    expect(critical(ca)).toEqual(["Basic Constraints", "Key Usage", "Name Constraints"]);
    expect(critical(server)).toEqual(["Basic Constraints", "Key Usage"]);
    const [caKey, signerKey, serverKey] = [
      openssl("x509", "-in", ca, "-noout", "-ext", "subjectKeyIdentifier"),
      openssl("x509", "-in", server, "-noout", "-ext", "authorityKeyIdentifier"),
      openssl("x509", "-in", server, "-noout", "-ext", "subjectKeyIdentifier"),
    ].map((text) => text.trim().split(/\s+/).at(-1));
    expect(signerKey).toMatch(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
    expect(signerKey).toBe(caKey);
    expect(serverKey).not.toBe(caKey);
  });

  it("are valid for at most 397 days and for serving only", async () => {
    const { server } = await ensure();
    const certificate = await readCertificate(server);
    expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBeLessThanOrEqual(397 * dayMs);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(certificate.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  });

  it("lie in a directory and in key files that nobody else may read", async () => {
    const paths = await ensure();
    const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    expect(await mode(directory)).toBe("700");
    expect(await Promise.all([paths.caKey, paths.serverKey].map(mode))).toEqual(["600", "600"]);
    expect(Object.keys(await readAll())).toEqual(["ca.key", "ca.pem", "server.key", "server.pem"]);
  });

  it("have serial numbers of their own", async () => {
    const { ca, server } = await ensure();
    const serials = [(await readCertificate(ca)).serialNumber, (await readCertificate(server)).serialNumber];
    expect(new Set(serials).size).toBe(2);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it("are dated correctly on both sides of 2050", async () => {
    const { ca, server } = await ensure(new Date("2049-12-31T12:00:00.900Z"));
    expect((await readCertificate(server)).validFromDate.toISOString()).toBe("2049-12-31T11:00:00.000Z");
    expect((await readCertificate(server)).validToDate.toISOString()).toBe("2051-01-31T12:00:00.000Z");
    expect((await readCertificate(ca)).validToDate.toISOString()).toBe("2059-12-29T12:00:00.000Z");
  });
});

it("makes the server's certificate for a key of another kind, too", async () => {
  await ensure();
  openssl("genrsa", "-out", join(directory, "server.key"), "2048");
  expect(await shakeHands(await ensure(), "localhost")).toBe("trusted");
});

it("loads the library only where there is something to write", async () => {
  await ensure();
  const source = `
    const { ensureCertificates } = await import(process.argv[1]);
    const loaded = () => "getMetadata" in Reflect;
    const directory = process.argv[2];
    await ensureCertificates(directory, new Date());
    const before = loaded();
    await ensureCertificates(directory + "/new", new Date());
    console.log(before, loaded());
  `;
  const file = new URL("../../../src/quickstart/certificates.ts", import.meta.url).href;
  const args = ["--input-type=module", "-e", source, file, directory];
  expect(execFileSync(process.execPath, args, { encoding: "utf8" })).toBe("false true\n");
});

describe("a second run", () => {
  it("changes not a byte", async () => {
    await ensure();
    const before = await readAll();
    await ensure(new Date(Date.now() + 388 * dayMs));
    expect(await readAll()).toEqual(before);
  });

  it("and one at the same moment agree on the same files", async () => {
    await Promise.all(Array.from({ length: 8 }, () => ensure()));
    const { ca, server } = await ensure();
    expect(openssl("verify", "-CAfile", ca, server)).toBe(`${server}: OK\n`);
    expect(Object.keys(await readAll())).toHaveLength(4);
  });

  it("renews the server's certificate a week before it expires, and keeps the rest", async () => {
    await ensure();
    const before = await readAll();
    const now = new Date(Date.now() + 390 * dayMs);
    const { server, ca } = await ensure(now);
    const after = await readAll();
    expect(after).toEqual({ ...before, "server.pem": expect.any(String) });
    expect((await readCertificate(server)).validToDate.getTime()).toBeGreaterThan(now.getTime() + 390 * dayMs);
    expect((await readCertificate(server)).verify((await readCertificate(ca)).publicKey)).toBe(true);
  });

  it("renews the CA as well when its time comes, with the same key", async () => {
    await ensure();
    const before = await readAll();
    const { ca, server } = await ensure(new Date(Date.now() + 3_645 * dayMs));
    const after = await readAll();
    expect(after).toEqual({ ...before, "ca.pem": expect.any(String), "server.pem": expect.any(String) });
    expect(after["ca.pem"]).not.toBe(before["ca.pem"]);
    expect((await readCertificate(server)).verify((await readCertificate(ca)).publicKey)).toBe(true);
  });

  it.each([
    ["the server's certificate", ["server.pem"]],
    ["the server's pair", ["server.pem", "server.key"]],
    ["the CA's certificate", ["ca.pem"]],
    ["the CA's pair", ["ca.pem", "ca.key"]],
    ["everything but the CA's key", ["ca.pem", "server.pem", "server.key"]],
  ])("repairs the loss of %s", async (_, lost) => {
    await ensure();
    for (const name of lost) await rm(join(directory, name));
    expect(await shakeHands(await ensure(), "localhost")).toBe("trusted");
  });

  it("makes a certificate for a key that was put in the old one's place", async () => {
    const { serverKey } = await ensure();
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", serverKey);
    const before = await readAll();
    expect(await shakeHands(await ensure(), "localhost")).toBe("trusted");
    expect(await readAll()).toEqual({ ...before, "server.pem": expect.any(String) });
  });

  it("does without the CA's key as long as nothing needs to be signed", async () => {
    const { caKey } = await ensure();
    await rm(caKey);
    const before = await readAll();
    await ensure();
    expect(await readAll()).toEqual(before);
    await expect(ensure(new Date(Date.now() + 395 * dayMs))).rejects.toThrow(SetupError);
  });
});

describe("certificates of other making", () => {
  it("are left alone, expired ones too", async () => {
    const { server, serverKey } = await ensure();
    openssl("req", "-x509", "-key", serverKey, "-subj", "/CN=mine", "-days", "1", "-out", server);
    const before = await readAll();
    await ensure(new Date(Date.now() + 100 * dayMs));
    expect(await readAll()).toEqual(before);
  });

  it.each([
    ["server.key", "server.pem"],
    ["ca.key", "ca.pem"],
  ])("are never overwritten: %s that is unreadable stops the start", async (name, sibling) => {
    await ensure();
    await writeFile(join(directory, name), "hush: not a key");
    const before = await readAll();
    const error = await ensure().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SetupError);
    expect(String(error)).toContain(join(directory, name));
    expect(String(error)).not.toContain("hush");
    expect((await readAll())[sibling]).toBe(before[sibling]);
  });

  it.each(["server.pem", "ca.pem"])("are never overwritten: %s that is unreadable stops the start", async (name) => {
    await ensure();
    await writeFile(join(directory, name), "mine");
    await expect(ensure()).rejects.toThrow(`${join(directory, name)} is not a certificate in PEM form`);
    expect((await readAll())[name]).toBe("mine");
  });

  it("stop the start when the server's certificate has lost its key", async () => {
    const { serverKey } = await ensure();
    await rm(serverKey);
    await expect(ensure()).rejects.toThrow("is there without its key");
  });

  it("cannot sign here", async () => {
    const { ca, caKey, server } = await ensure();
    openssl("req", "-x509", "-key", caKey, "-subj", "/CN=mine", "-days", "9", "-out", ca);
    await rm(server);
    await expect(ensure()).rejects.toThrow("cannot be signed");
  });
});
