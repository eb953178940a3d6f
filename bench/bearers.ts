import { createPrivateKey, randomInt, sign, type webcrypto } from "node:crypto";

/**
 * Which tokens calls are made with: `known` are the same ones over and over, `forged` one of its own for each call whose
 * signature is wrong, `fresh` one of its own for each call that is good.
 */
export type BearerKind = "known" | "forged" | "fresh";

/** The token of the call with this number. */
export type Bearers = (id: number) => string;

/**
 * Makes tokens as calls need them.
 *
 * @param tokens good ones; those that are made say what the first one says
 * @param key private key of their issuer, which only fresh tokens need
 * @throws Error when it is missing
 */
export function createBearers(kind: BearerKind, tokens: readonly string[], key: webcrypto.JsonWebKey | null): Bearers {
  const [token = ""] = tokens;
  if (kind === "known") return (id) => tokens[id % tokens.length] ?? "";
  if (kind === "forged") return forge(token);
  if (key === null) throw new Error("fresh tokens need the key of their issuer");
  return renew(token, key);
}

/** In ECDSA over P-256 with SHA-256 (RFC 7518 section 3.4), a signature is two numbers of 32 bytes, `s` the second. */
const lowEndOfS = 56;

/**
 * The number of the call stands in the low end of `s`: so it stays below the order of the curve, and whoever verifies it
 * has all the work of a good one.
 */
function forge(token: string): Bearers {
  const dot = token.lastIndexOf(".") + 1;
  const signature = Buffer.from(token.slice(dot), "base64url");
  const run = randomInt(0xffff_ffff);
  return (id) => {
    signature.writeUInt32BE(run, lowEndOfS);
    signature.writeUInt32BE(id, lowEndOfS + 4);
    return token.slice(0, dot) + signature.toString("base64url");
  };
}

function renew(token: string, jwk: webcrypto.JsonWebKey): Bearers {
  const [header = "", payload = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  const key = createPrivateKey({ key: jwk, format: "jwk" });
  const run = randomInt(0xffff_ffff);
  return (id) => {
    const said = Buffer.from(JSON.stringify({ ...claims, jti: `${run}-${id}` })).toString("base64url");
    const signed = `${header}.${said}`;
    const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
    return `${signed}.${signature.toString("base64url")}`;
  };
}
