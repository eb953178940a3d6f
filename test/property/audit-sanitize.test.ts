import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileOwnNames } from "../../src/audit/sanitize/own-names.ts";
import { isProse } from "../../src/audit/sanitize/prose.ts";
import { sanitize, sanitizeText } from "../../src/audit/sanitize/sanitize.ts";
import { longestToken } from "../../src/audit/sanitize/secret-tokens.ts";
import { viewFlat } from "../../src/audit/sanitize/text.ts";
import { redact } from "../fixtures/keyed.ts";

const secretNames = [
  "password",
  "PASSWORD",
  "db_password",
  "userPassword",
  "passwd",
  "pwd",
  "secret",
  "clientSecret",
  "client-secret",
  "api_key",
  "apiKey",
  "APIKey",
  "x-api-key",
  "apikey",
  "Authorization",
  "Proxy-Authorization",
  "cookie",
  "Set-Cookie",
  "credentials",
  "private_key",
  "accessToken",
  "refresh_token",
  "ID_TOKEN",
  "token",
  "githubToken",
  "session_id",
  "Mcp-Session-Id",
  "passphrase",
];

const letters = "abcdefghijklmnopqrstuvwxyz";
/**
 * What must never come out. It starts alike in every run, so that a part of it is found as well. It does not look random, so
 * that name or form alone have to give it away.
 */
const canary = fc
  .string({ unit: fc.constantFrom(...letters), minLength: 40, maxLength: 60 })
  .map((rest) => `Zq7Canary9${rest}`);
const sign = "Zq7Canary9";

/** A secret that shows by its look, wherever it stands. */
const shaped = canary.chain((secret) =>
  fc.constantFrom(
    `Bearer ${secret}`,
    `Basic ${btoa(`user:${secret}`)}`,
    `eyJhbGciOiJub25lIn0.${secret}.${secret}`,
    `-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`,
    `ghp_${secret}`,
    `github_pat_${secret}`,
    `glpat-${secret}`,
    `xoxb-${secret}`,
    `sk_live_${secret}`,
    `sk-proj-${secret}`,
    `npm_${secret}`,
    `postgres://admin:${secret}@db.internal:5432/orders`,
    `https://${secret}@example.com/path`,
    `https://example.com/path?page=2&access_token=${secret}&x=1`,
    `https://example.com/cb?X-Amz-Signature=${secret}`,
    `password=${secret}`,
    `Api-Key: ${secret}`,
    `Authorization: Custom ${secret}`,
    `mysql --password ${secret}`,
    `Server=db;User Id=app;Password=${secret};`,
    `Token ${secret}`,
    `Digest username="ann", response="${secret}"`,
    `machine db login ann password ${secret}`,
    `jdbc:oracle:thin:app/${secret}@//db:1521/orders`,
    `$argon2id$v=19$m=65536,t=3,p=4$${secret}$${secret}`,
    `lin_api_${secret.slice(0, 40)}`,
    `hvs.${secret}`,
    `v4.public.${secret}`,
    `https://a.example/x?q=${encodeURIComponent(`password=${secret}`)}`,
    `note://a/${encodeURIComponent(encodeURIComponent(`postgres://admin:${secret}@db`))}`,
  ),
);

const keyedMark = /^\[redacted:[0-9a-f]{12}\]$/;

const words = fc.stringMatching(/^[a-z ,.]{0,30}$/);
const embedded = fc.tuple(words, shaped, words).map(([before, secret, after]) => `${before} ${secret} ${after}`);
const named = fc.tuple(fc.constantFrom(...secretNames), canary);

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  shaped,
  embedded,
  named.map(([name, secret]) => ({ [name]: secret })),
  named.map(([name, secret]) => ({ [name]: { deep: [secret] } })),
  named.map(([name, secret]) => ({ name, value: secret })),
  named.map(([name, secret]) => [name, secret]),
  named.map(([name, secret]) => JSON.stringify({ a: 1, [name]: secret })),
  named.map(([name, secret]) => `before ${JSON.stringify({ a: 1, [name]: secret, b: true })} after`),
  named.map(([name, secret]) => JSON.stringify({ body: JSON.stringify({ [name]: [secret] }) })),
  named.map(([name, secret]) => new Map([[name, secret]])),
  shaped.map((secret) => new Error(secret)),
  shaped.map((secret) => ({ [secret]: 1 })),
);

function around(depth: number): fc.Arbitrary<unknown> {
  if (depth === 0) return leaf;
  const inner = around(depth - 1);
  return fc.oneof(
    inner,
    fc.array(inner, { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), inner, { maxKeys: 3 }),
    fc.tuple(fc.jsonValue(), inner).map(([noise, value]) => ({ noise, value })),
  );
}

const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ..."\"'`\\{}[]:=&?;,-@/% \n\r\t\u0000\u001b\u202e\u200b…",
        "://",
        "password",
        "token=",
        "Bearer ",
        "eyJ",
        "-----BEGIN X-----",
        "[redacted]",
        "[redacted:0123456789ab]",
        "[redacted:012345678901]",
        "[redacted:",
        "[redacted:0123456",
        "curl -u ",
        "https://",
        "mysql -p",
        `ghp_${"a1".repeat(12)}`,
        "?q=%41",
        "%3D",
        "<token>",
        "</token>",
        "Authorization: ",
        "[cut]",
        "4111 1111 1111 1111",
        "…(5 characters)",
        "\\u{a}",
        "--secret ",
        '{"a":',
        "\ud800",
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

test("the longest word that could be a token is found in one look", () => {
  const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019+-./_ ,[\u00e9\u{1f600}"), maxLength: 50 });
  const runs = fc.array(
    fc.oneof(word, fc.stringMatching(/^[a-z]{10,40}$/), fc.stringMatching(/^[A-Z]?[a-z.]{14,40}$/)),
    {
      maxLength: 6,
    },
  );
  const drawn = /\d|^[A-Z]{2}|[A-Z].*[+./_-]|[+./_-].*[A-Z]/;
  fc.assert(
    fc.property(runs, (words) => {
      const text = words.join(" ");
      const lengths = text.split(/[^\w+./-]/).flatMap((run) => (run.length >= 15 && drawn.test(run) ? run.length : []));
      expect(longestToken(text)).toBe(Math.min(32, Math.max(0, ...lengths)));
    }),
    { numRuns: 5_000 },
  );
});

describe("sanitize", () => {
  test("a planted secret never comes out, wherever it stands", () => {
    fc.assert(
      fc.property(around(3), fc.boolean(), (value, keyed) => {
        expect(JSON.stringify(sanitize(value, keyed ? { redact } : {}))).not.toContain(sign);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a secret in a text that is cut does not come out in part", () => {
    fc.assert(
      fc.property(shaped, fc.nat(2_100), fc.nat(3_000), (secret, before, after) => {
        const text = `${"lorem ".repeat(before / 6)} ${secret} ${"ipsum ".repeat(after / 6)}`;
        expect(sanitizeText(text)).not.toContain(sign);
      }),
      { numRuns: 500 },
    );
  });

  test("a view of a view is the same view", () => {
    const hostile = fc.oneof(
      around(2),
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true }),
      hostileText,
      fc.dictionary(hostileText, fc.oneof(hostileText, fc.double(), fc.boolean()), { maxKeys: 6 }),
      fc.array(hostileText, { maxLength: 5 }),
    );
    const tightly = { maxDepth: 4, maxMembers: 5, maxString: 80, maxTotal: 300 };
    fc.assert(
      fc.property(hostile, fc.boolean(), fc.boolean(), (value, tight, keyed) => {
        const options = { ...(tight ? tightly : {}), ...(keyed ? { redact } : {}) };
        const once = JSON.stringify(sanitize(value, options));
        const twice = JSON.stringify(sanitize(JSON.parse(once), options));
        expect(twice).toBe(once);
        // Nor does who has no key take marks away, or put others there.
        if (!tight) expect(JSON.stringify(sanitize(JSON.parse(once)))).toBe(once);
      }),
      { numRuns: 4_000 },
    );
  });

  test("with a key the same is replaced as without", () => {
    const plain = (view: unknown) => JSON.stringify(view).replace(/(?:\[redacted(?::[0-9a-f]{12})?\])+/g, "[redacted]");
    const own = compileOwnNames(["red*", "note"], []);
    fc.assert(
      fc.property(
        fc.oneof(around(2), hostileText, fc.array(hostileText, { maxLength: 3 })),
        fc.boolean(),
        (value, hasOwn) => {
          const options = { maxString: 8_192, maxTotal: 65_536, own: hasOwn ? own : null };
          expect(plain(sanitize(value, { ...options, redact }))).toBe(plain(sanitize(value, options)));
        },
      ),
      { numRuns: 4_000 },
    );
  });

  test("a mark tells secrets apart, and not how long they are", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
        const marks = [one, other].map(
          (password) => (sanitize({ password }, { redact }) as { password: string }).password,
        );
        expect(marks).toEqual([expect.stringMatching(keyedMark), expect.stringMatching(keyedMark)]);
        expect(marks[0] === marks[1]).toBe(one.trim() === other.trim());
      }),
      { numRuns: 1_000 },
    );
  });

  test("what comes out is bounded and has no unseen character", () => {
    const options = { maxDepth: 5, maxMembers: 10, maxString: 100, maxTotal: 1_000 };
    fc.assert(
      fc.property(fc.oneof(fc.anything(), hostileText, fc.array(hostileText)), (value) => {
        const text = JSON.stringify(sanitize(value, options));
        expect(text.length).toBeLessThan(8_000);
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
      { numRuns: 1_000 },
    );
  });

  test("what passes as prose is what the patterns leave as it is", () => {
    const word = fc.oneof(
      fc.stringMatching(/^[a-z]{1,24}$/),
      fc.stringMatching(/^[A-Z][a-z]{0,14}$/),
      fc.stringMatching(/^[0-9]{1,5}$/),
      fc.constantFrom(
        "login",
        "ann",
        "password",
        "Password",
        "Bearer",
        "basic",
        "Token",
        "ApiKey",
        "Bot",
        "NTLM",
        "curl",
        "mysql",
      ),
      fc.constantFrom(
        "identified",
        "by",
        "AKIA",
        "don't",
        "'quoted'",
        "4111",
        "1111",
        "sshpass",
        "x",
        "-p",
        "a=b",
        "eyJ",
      ),
    );
    const text = fc
      .array(fc.tuple(word, fc.constantFrom(" ", " ", " ", ". ", ", ", "! ", ".. ", "'s ", "")), {
        minLength: 1,
        maxLength: 12,
      })
      .map((parts) => parts.flat().join(""));
    let found = 0;
    fc.assert(
      fc.property(text, (sentence) => {
        if (!isProse(sentence)) return;
        found += 1;
        expect(viewFlat(sentence, 2_048, "", null, redact)).toBe(sentence);
      }),
      { numRuns: 20_000 },
    );
    expect(found).toBeGreaterThan(1_000);
  });
});
