import { createHash, X509Certificate } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { readClientCertificate } from "../../../src/auth/client-certificate.ts";
import { type ClientAuthority, type ClientOrder, createClientAuthority } from "../../fixtures/client-certificates.ts";

let authority: ClientAuthority;
beforeAll(async () => {
  authority = await createClientAuthority("clients");
});

const spiffe = { type: "url", value: "spiffe://example.org/ns/ci" } as const;
const dns = (value: string) => ({ type: "dns", value }) as const;
const email = (value: string) => ({ type: "email", value }) as const;
const url = (value: string) => ({ type: "url", value }) as const;

test.each<[string, ClientOrder, string | null]>([
  ["a SPIFFE id", { names: [spiffe] }, spiffe.value],
  ["a SPIFFE id before all else", { names: [dns("a.example.com"), spiffe], commonName: "b" }, spiffe.value],
  ["two SPIFFE ids", { names: [spiffe, url("spiffe://example.org/other")] }, null],
  ["a SPIFFE id that is none, beside a host", { names: [url("spiffe://EXAMPLE.org/a b"), dns("a.example.com")] }, null],
  ["a SPIFFE id in capitals", { names: [url("SPIFFE://example.org/ci")] }, null],
  ["a host", { names: [dns("a.example.com")], commonName: "b.example.com" }, "a.example.com"],
  ["a host in capitals", { names: [dns("A.Example.com")] }, "a.example.com"],
  ["two hosts", { names: [dns("a.example.com"), dns("b.example.com")] }, null],
  ["a host with a wildcard", { names: [dns("*.example.com")] }, null],
  ["an address", { names: [email("ann@example.com")] }, "ann@example.com"],
  ["an address and a host", { names: [email("ann@example.com"), dns("a.example.com")] }, null],
  [
    "a host beside a URI of another kind",
    { names: [url("https://example.com/x"), dns("a.example.com")] },
    "a.example.com",
  ],
  ["a URI of another kind alone", { names: [url("https://example.com/x")], commonName: "x" }, null],
  ["an IP address alone", { names: [{ type: "ip", value: "10.0.0.1" }], commonName: "x" }, null],
  ["a host that poses as a SPIFFE id", { names: [dns(spiffe.value)] }, null],
  ["a host that poses as an address", { names: [dns("ann@example.com")] }, null],
  ["a host that poses as two entries", { names: [dns("a.example.com, URI:spiffe://example.org/ci")] }, null],
  ["a common name", { commonName: "nightly build" }, "nightly build"],
  ["a common name that poses as a SPIFFE id", { commonName: spiffe.value }, null],
  ["a common name that poses as an address", { commonName: "ann@example.com" }, null],
  ["two common names", { commonName: ["a", "b"] }, null],
  ["a common name that does not show", { commonName: "a\u202eb" }, null],
  ["a common name that is too long", { commonName: "a".repeat(256) }, null],
  ["no name at all", {}, null],
])("%s", async (_, order, name) => {
  const { cert } = await authority.sign(order);
  expect(readClientCertificate(new X509Certificate(cert)).name).toBe(name);
});

test("is known by its digest, and until when it is good", async () => {
  const notAfter = new Date("2030-01-01T00:00:00Z");
  const certificate = new X509Certificate((await authority.sign({ commonName: "a", notAfter })).cert);
  expect(readClientCertificate(certificate)).toEqual({
    name: "a",
    thumbprint: createHash("sha256").update(certificate.raw).digest("base64url"),
    untilMs: notAfter.getTime(),
  });
});
