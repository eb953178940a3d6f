/** The kinds of values that the configuration is made of. */
import { z } from "zod";
import { readAddress } from "../network/address.ts";
import { readCidr } from "../network/cidr.ts";
import { isRedisUrl, readHttpUrl, readTrustedUrl } from "../network/url.ts";
import { Secret } from "./secret.ts";
import { readDuration, readSize } from "./units.ts";

/**
 * A string that some reader understands; what it returns is the value, and `undefined` is a problem.
 *
 * @param form what an editor is told of the string
 */
export function read<T>(
  reader: (text: string) => T | undefined,
  expected: string,
  form?: { readonly pattern: RegExp; readonly examples: string[] },
) {
  const text =
    form === undefined ? z.string() : z.string().meta({ pattern: form.pattern.source, examples: form.examples });
  return text.transform((value, context) => {
    const result = reader(value);
    if (result !== undefined) return result;
    context.issues.push({ code: "custom", message: `expected ${expected}`, input: value });
    return z.NEVER;
  });
}

export const duration = () =>
  read(readDuration, "a duration such as 30s, 5m or 8h", { pattern: /^\d+(ms|s|m|h|d)$/, examples: ["30s", "5m"] });
export const size = () =>
  read(readSize, "a size such as 16KiB or 1MiB", { pattern: /^\d+(B|KiB|MiB|GiB)$/, examples: ["1MiB"] });
export const cidr = () =>
  read(readCidr, "an IP address or CIDR such as 10.0.0.0/8 or ::1/128, with no bits set after the prefix");
export const address = () =>
  read(readAddress, "an address and port such as 127.0.0.1:8443 or [::1]:8443; port 0 means any free one", {
    pattern: /^(\[[0-9a-fA-F:.]+\]|[0-9.]+):\d{1,5}$/,
    examples: ["127.0.0.1:8443"],
  });
export const secret = () =>
  z
    .string()
    .min(1)
    .transform((value) => new Secret(value));
export const headerName = () =>
  z.string().regex(/^[A-Za-z0-9-]+$/, "expected the name of a header: letters, digits and hyphens");
const readRedisUrl = (text: string) => (isRedisUrl(text) ? new Secret(text) : undefined);
export const count = () => z.int().min(1);
export const scope = () =>
  z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "expected a scope: ASCII without spaces, quotes and backslashes");
export const name = () =>
  z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "expected lower-case letters, digits and hyphens, at most 63");

export const httpUrl = () => read(readHttpUrl, "an absolute http or https URL without credentials, query or fragment");
export const httpsUrl = () =>
  read(readTrustedUrl, "an https URL (plain http only on a loopback address), without credentials, query or fragment");

export const redisUrl = () =>
  read(readRedisUrl, "a URL such as rediss://user:password@redis.internal:6379/0; redis:// without TLS");
