import { describe, expect, test } from "vitest";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";
import { Secret } from "../../../../src/config/secret.ts";

function fail(): never {
  throw new Error("unreadable");
}

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

test("a text with JSON in it is no name of what stands behind it", () => {
  const pair = ['{"body":"{\\"password\\":\\"[redacted]\\"}"}', "nothing secret"];
  expect(sanitize(pair)).toEqual(pair);
  expect(sanitize(["password", "nothing secret"])).toEqual(["password", "[redacted]"]);
});

describe("names of secrets", () => {
  test.each([
    "password",
    "Password",
    "user_password",
    "userPassword",
    "PassWord",
    "password2",
    "passwordHash",
    "passwd",
    "pwd",
    "db_pass",
    "secret",
    "client_secret",
    "clientSecret",
    "api_key",
    "apiKey",
    "api-key",
    "APIKey",
    "x-api-key",
    "apikey",
    "authorization",
    "Proxy-Authorization",
    "auth",
    "cookie",
    "Set-Cookie",
    "credential",
    "awsCredentials",
    "private_key",
    "privateKeyPem",
    "aws_secret_access_key",
    "token",
    "tokens",
    "access_token",
    "accesstoken",
    "refreshToken",
    "id-token",
    "github_token",
    "githubtoken",
    "csrfToken",
    "tokenValue",
    "session",
    "sessionId",
    "Mcp-Session-Id",
    "otp",
    "pass\u200bword",
    "ｐａｓｓｗｏｒｄ",
  ])("%s is one", (name) => {
    expect(sanitize({ [name]: "abc" })).toEqual({ [sanitizeText(name)]: "[redacted]" });
  });

  test.each([
    ["max_tokens", 4_096],
    ["maxTokens", "4096"],
    ["token_count", 12],
    ["tokens", 12],
    ["promptTokens", 7],
    ["total_tokens_used", 7],
    ["tokens_per_minute", 90],
    ["tokenizer", "o200k"],
    ["tokenization", "bpe"],
    ["token_type", "Bearer"],
    ["token_endpoint", "https://id.example.com/token"],
    ["nextPageToken", "abc"],
    ["progressToken", "abc"],
    ["nextpagetoken", "abc"],
    ["eos_token", "</s>"],
    ["password_policy", "strong"],
    ["passwordMinLength", 12],
    ["secretary", "Ann"],
    ["secret_name", "db"],
    ["author", "Ann"],
    ["authority", "city"],
    ["keyboard", "qwerty"],
    ["monkey", "George"],
    ["primary_key", "id"],
    ["public_key", "abc"],
    ["access_key_id", "abc"],
    ["session_count", 3],
    ["compass", "north"],
    ["passenger", "Ann"],
    ["password", null],
    ["has_password", true],
    ["secret", false],
  ])("%s: %s is none", (name, value) => {
    expect(sanitize({ [name]: value })).toEqual({ [name]: value });
  });

  test("everything under such a name goes", () => {
    expect(sanitize({ credentials: { user: "ann", pin: 1 }, cookies: ["a", "b"], otp: 123_456 })).toEqual({
      credentials: "[redacted]",
      cookies: "[redacted]",
      otp: "[redacted]",
    });
  });

  test("names and values listed side by side", () => {
    const value = {
      headers: [
        { name: "Authorization", value: "x" },
        { key: "accept", value: "y" },
      ],
      pairs: [
        ["cookie", "x"],
        ["accept", "y"],
      ],
      argv: ["login", "--user", "ann", "--password", "x", "--token", "--verbose"],
    };
    expect(sanitize(value)).toEqual({
      headers: [
        { name: "Authorization", value: "[redacted]" },
        { key: "accept", value: "y" },
      ],
      pairs: [
        ["cookie", "[redacted]"],
        ["accept", "y"],
      ],
      argv: ["login", "--user", "ann", "--password", "[redacted]", "--token", "--verbose"],
    });
  });
});

describe("names and values side by side, in other spellings", () => {
  test.each([
    [
      { Name: "DB_PASSWORD", Value: "x" },
      { Name: "DB_PASSWORD", Value: "[redacted]" },
    ],
    [
      { Key: "DB_PASSWORD", Values: ["x"] },
      { Key: "DB_PASSWORD", Values: "[redacted]" },
    ],
    [
      { ParameterKey: "DbPassword", ParameterValue: "x" },
      { ParameterKey: "DbPassword", ParameterValue: "[redacted]" },
    ],
    [
      { op: "replace", path: "/spec/db_password", value: "x" },
      { op: "replace", path: "/spec/db_password", value: "[redacted]" },
    ],
    [
      { selector: "#password", value: "x" },
      { selector: "#password", value: "[redacted]" },
    ],
    [
      { element: "Password field", ref: "e12", text: "x" },
      { element: "Password field", ref: "e12", text: "[redacted]" },
    ],
    [
      { selector: "input[name=passwd]", text: "x" },
      { selector: "input[name=passwd]", text: "[redacted]" },
    ],
    [
      { label: "API key", value: "x" },
      { label: "API key", value: "[redacted]" },
    ],
    [
      { Name: "/app/db", Type: "SecureString", Value: "x" },
      { Name: "/app/db", Type: "SecureString", Value: "[redacted]" },
    ],
    [
      { name: "db", value: "x", sensitive: true },
      { name: "db", value: "[redacted]", sensitive: true },
    ],
    [
      { name: "Field 3", type: "password", value: "x" },
      { name: "Field 3", type: "password", value: "[redacted]" },
    ],
    [
      { element: "Search field", ref: "e13", text: "x" },
      { element: "Search field", ref: "e13", text: "x" },
    ],
    [
      { name: "password rules", text: "x" },
      { name: "password rules", text: "x" },
    ],
    [
      { type: "Token", value: "x" },
      { type: "Token", value: "x" },
    ],
    [
      ["password", 48_151_623],
      ["password", "[redacted]"],
    ],
    [
      ["login", "--pin", 4_815],
      ["login", "--pin", "[redacted]"],
    ],
    [
      ["set-cookie", ["a=b", "c=d"]],
      ["set-cookie", "[redacted]"],
    ],
    [
      ["password", null],
      ["password", null],
    ],
    [
      ["max_tokens", 4_096],
      ["max_tokens", 4_096],
    ],
    [
      { Key: "title", Value: "x" },
      { Key: "title", Value: "x" },
    ],
    [
      { path: "/secrets/readme.md", value: "x" },
      { path: "/secrets/readme.md", value: "x" },
    ],
  ])("%j", (value, shown) => {
    expect(sanitize(value)).toEqual(shown);
    expect(sanitize(shown)).toEqual(shown);
  });
});

test("what is left out for its depth stands behind no name that hides it the next time", () => {
  const shown = sanitize(["token", [1]], { maxDepth: 1 });
  expect(sanitize(shown, { maxDepth: 1 })).toEqual(shown);
});

describe("names in other languages", () => {
  test.each([
    ...["Adgangskode", "salasana", "jelszó", "lozinka", "mật khẩu"],
    ...[
      "пароль",
      "Пароль_БД",
      "密码",
      "數據庫密碼",
      "パスワード",
      "비밀번호",
      "סיסמה",
      "كلمة المرور",
      "पासवर्ड",
      "รหัสผ่าน",
    ],
  ])("%s is one", (name) => {
    expect(sanitize({ [name]: "abc" })).toEqual({ [name]: "[redacted]" });
    expect(sanitizeText(`${name}: abc123, then`)).toBe(`${name}: [redacted], then`);
    expect(sanitizeText(`${name}=abc123`)).toBe(`${name}=[redacted]`);
  });

  test.each(["hasło", "passord", "şifre"])("%s is one, and no word of a sentence", (name) => {
    expect(sanitize({ [name]: "abc" })).toEqual({ [name]: "[redacted]" });
    expect(sanitizeText(`${name}=abc123`)).toBe(`${name}=[redacted]`);
    expect(sanitizeText(`${name}: abc123`)).toBe(`${name}: abc123`);
  });

  test.each(["passOrder", "город", "密度", "名前", "이름", "straße", "smørrebrød"])("%s is none", (name) => {
    expect(sanitize({ [name]: "abc" })).toEqual({ [name]: "abc" });
    expect(sanitizeText(`${name}: abc123`)).toBe(`${name}: abc123`);
  });
});

describe("a Secret of Kubernetes", () => {
  const data = { db: "aHVudGVyMg==" };
  test("has nothing else in its data", () => {
    const value = { apiVersion: "v1", kind: "Secret", metadata: { name: "db" }, data, stringData: { url: "x" } };
    expect(sanitize({ items: [value, JSON.stringify(value)] })).toEqual({
      items: [
        { ...value, data: "[redacted]", stringData: "[redacted]" },
        JSON.stringify({ ...value, data: "[redacted]", stringData: "[redacted]" }),
      ],
    });
    expect(sanitize({ ...value, kind: "ConfigMap" })).toEqual({ ...value, kind: "ConfigMap" });
  });

  test("in YAML as well, and other documents stay", () => {
    const map = "kind: ConfigMap\ndata:\n  db: hunter3\n";
    const secret = "kind: Secret\nmetadata:\n  name: db\ndata:\n  db: aHVudGVyMg==\n  tls.key: |\n    hunter2\n";
    const more = 'stringData: {"a": "hunter4"}\ntype: Opaque\n';
    const shown = sanitizeText(`${secret}${more}`);
    expect(shown).not.toMatch(/aHVudGVyMg|hunter/);
    expect(shown).toContain("name: db\\u{a}data:");
    expect(shown).toContain("type: Opaque");
    expect(sanitizeText(shown)).toBe(shown);
    expect(sanitizeText(map)).toContain("hunter3");
  });
});

describe("shapes of secrets", () => {
  test.each([
    ["JWT", jwt],
    ["AWS", "AKIAIOSFODNN7EXAMPLE"],
    ["GitHub", `ghp_${"a1".repeat(18)}`],
    ["GitHub fine-grained", `github_pat_${"a1_".repeat(12)}`],
    ["GitLab", `glpat-${"a1".repeat(10)}`],
    ["Slack", "xoxb-1234567890-abcdefghij"],
    ["Slack webhook", "hooks.slack.com/services/T000/B000/abcdefghijklmnop"],
    ["Stripe", `sk_live_${"a1".repeat(12)}`],
    ["Google", `AIza${"a1B".repeat(12)}`],
    ["OpenAI", `sk-proj-${"a1B".repeat(12)}`],
    ["Anthropic", `sk-ant-api03-${"a1B".repeat(12)}`],
    ["npm", `npm_${"a1".repeat(18)}`],
    ["PEM", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"],
    ["PEM without end", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl"],
    ["card", "4111111111111111"],
    ["card with spaces", "4111 1111 1111 1111"],
    ["card with hyphens", "3782-822463-10005"],
  ])("%s", (_vendor, secret) => {
    expect(sanitizeText(secret)).toBe("[redacted]");
    expect(sanitizeText(`see ${secret}, please`)).toMatch(/^see \[redacted\]/);
    expect(sanitizeText(`a=(${secret})`)).not.toContain(secret.slice(4, 20));
    expect(JSON.stringify(sanitize({ [secret]: true }))).toBe('{"[redacted]":true}');
  });

  test.each([
    ["Bearer abc123def456", "Bearer [redacted]"],
    ["bearer abcdefgh", "bearer [redacted]"],
    ["Basic dXNlcjpwYXNz", "Basic [redacted]"],
    ["curl -H 'Authorization: Bearer abc123def'", "curl -H 'Authorization: [redacted]'"],
    ["Cookie: a=b; c=d\r\nAccept: */*", "Cookie: [redacted]\\u{d}\\u{a}Accept: */*"],
    ["postgres://u:p@db/x", "postgres://[redacted]@db/x"],
    ["redis://:p/q@db:6379", "redis://[redacted]@db:6379"],
    ["https://a.example/x?y=1&api_key=abc&z=2", "https://a.example/x?y=1&api_key=[redacted]&z=2"],
    ["https://a.example/x?access%5Ftoken=abc", "https://a.example/x?access%5Ftoken=[redacted]"],
    ["https://a.example/cb#id_token=abc&state=1", "https://a.example/cb#id_token=[redacted]&state=1"],
    ["https://a.example/b?sv=1&sig=abc", "https://a.example/b?sv=1&sig=[redacted]"],
    ["Server=db;Password=a,b;Timeout=3", "Server=db;Password=[redacted];Timeout=3"],
    ["export API_KEY='a b c'", "export API_KEY='[redacted]'"],
    ["my access token: abc", "my access token: [redacted]"],
    ["mysql --password abc -h db", "mysql --password [redacted] -h db"],
    ['got {"user":"u","password":"a\\"b","n":1} back', 'got {"user":"u","password":"[redacted]","n":1} back'],
    ['"{\\"secret\\":\\"x\\"}" and more', '"{\\"secret\\":\\"[redacted]\\"}" and more'],
    ['text {"credentials":{"user":"u"}} more', 'text {"credentials":[redacted]} more'],
  ])("%s", (text, shown) => {
    expect(sanitizeText(text)).toBe(shown);
  });

  test.each([
    "a basic understanding of bearer instruments",
    "the morning session: an introduction",
    "max_tokens: 100, token count: 5",
    "src/config/secret.ts:12:3",
    "http://127.0.0.1:8080/a@b",
    "weather://berlin?units=c",
    "git@github.com:a/b.git",
    "1763806572000",
    "4111111111111112",
    "550e8400-e29b-41d4-a716-446655440000",
    "sk-a-slug-that-only-begins-like-a-key",
    "2026-07-28T12:30:45.123Z",
  ])("%s stays", (text) => {
    expect(sanitizeText(text)).toBe(text);
  });

  test("numbers that are cards", () => {
    expect(sanitize([4_111_111_111_111_111, 1_763_806_572_000])).toEqual(["[redacted]", 1_763_806_572_000]);
  });

  test("JSON inside strings, however deep", () => {
    const inner = JSON.stringify({ password: "x", n: 1 });
    const outer = `${" ".repeat(40)}${JSON.stringify({ body: inner })}`;
    expect(sanitize({ payload: outer })).toEqual({
      payload: JSON.stringify({ body: JSON.stringify({ password: "[redacted]", n: 1 }) }),
    });
  });
});

describe("bounds", () => {
  test("long strings say how long they were", () => {
    const shown = sanitizeText("word ".repeat(1_000), 100);
    expect(shown).toHaveLength(100);
    expect(shown).toMatch(/^word word .*…\(5000 characters\)$/);
  });

  test("a character of two units is not halved", () => {
    expect(sanitizeText("😀".repeat(100), 65)).toBe(`${"😀".repeat(24)}…(200 characters)`);
  });

  test("depth, members and total size", () => {
    expect(sanitize([[["x"]]], { maxDepth: 2 })).toEqual([["[too deep]"]]);
    expect(sanitize([["x", '{"name":"password","value":"x"}']], { maxDepth: 2 })).toEqual([["x", "[too deep]"]]);
    expect(sanitize([1, 2, 3, 4], { maxMembers: 3 })).toEqual([1, 2, "[cut]"]);
    expect(sanitize({ a: 1, b: 2, c: 3 }, { maxMembers: 2 })).toEqual({ a: 1, "…": "[cut]" });
    const shown = JSON.stringify(
      sanitize(
        Array.from({ length: 90 }, () => "word ".repeat(100)),
        { maxTotal: 2_000 },
      ),
    );
    expect(shown.length).toBeLessThan(2_700);
    expect(shown).toMatch(/"\[cut\]"\]$/);
  });

  test("whatever the size is, a view of the view is cut at the same places", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const broken = new Proxy({}, { ownKeys: () => fail() });
    const list = ["one", "two", "three", "four"];
    const large = { a: 1, password: "x", c: 3, d: 4 };
    const value = [{ x: cycle, y: broken, z: large }, [list, [broken, cycle, large], "words"], ["more", list, "words"]];
    for (let maxTotal = 1; maxTotal < 400; maxTotal += 1) {
      const once = sanitize(value, { maxTotal, maxMembers: 3 });
      expect(sanitize(once, { maxTotal, maxMembers: 3 }), `size ${maxTotal}`).toEqual(once);
    }
  });

  test("a JSON text too long to be read is not shown", () => {
    const text = JSON.stringify({ name: "password", value: "hunter2", filler: "x".repeat(70_000) });
    expect(sanitizeText(text)).toBe(`[cut]…(${text.length} characters)`);
  });

  test.each([
    "eyJ",
    "a ",
    "://",
    "://a:",
    "Bearer ",
    "1 ",
    "sk-",
    "password:",
    'token=\\"',
    "\\",
    "-----BEGIN A-----",
    '"a":',
    "\u202e",
    "[",
    "--aa ",
    "a.",
    "%41",
    "?a=&",
    "-",
    "A",
    "A1a",
    "%25",
    "a%3D",
    "$1$",
    "Digest a=",
    "login a password ",
    "jdbc:oracle:thin:a/",
    "---- BEGIN A----",
    "AKIA-",
    "xoxb-0",
    "curl -u ",
    "docker login -p ",
    "mysql,",
    '"vault","login",',
    "echo a | sudo -",
    "-a\n- ",
    "identified by '",
    "create secret as ",
    "insert into a (password) values (",
    "insert (password) values ('a','b'),",
    "password for ",
    "'',",
    '"kty":"d",',
    "<value>",
    "<a b='c'>",
    "<password>",
    "<add key=",
    "password,a\n",
    "password|\n",
    '"password",\n"a',
    "a\tpassword\n",
    "A  PASSWORD\n",
  ])("a mebibyte of %j ends, and ends bounded", (part) => {
    const text = part.repeat(1_048_576 / part.length);
    expect(sanitizeText(text).length).toBeLessThanOrEqual(2_048);
    expect(sanitizeText(`{"a":"${text}`).length).toBeLessThanOrEqual(2_048);
    expect(JSON.stringify(sanitize({ [text]: text })).length).toBeLessThan(10_000);
  });
});

describe("values that are no JSON", () => {
  test("cycles", () => {
    const node: Record<string, unknown> = { name: "a" };
    node.self = node;
    node.list = [node];
    expect(sanitize(node)).toEqual({ name: "a", self: "[circular]", list: ["[circular]"] });
  });

  test("exotic values become short texts", () => {
    const value = {
      date: new Date(0),
      never: new Date(Number.NaN),
      bytes: Buffer.from("secret"),
      map: new Map<unknown, unknown>([
        ["a", 1],
        ["password", "x"],
      ]),
      set: new Set([1]),
      url: new URL("https://u:p@a.example/"),
      boxed: new String("token=abc"),
      big: 10n,
      not: Number.NaN,
      run: () => 1,
      gone: undefined,
      list: [undefined, Symbol("x")],
      hidden: new Secret("x"),
    };
    expect(sanitize(value)).toEqual({
      date: "1970-01-01T00:00:00.000Z",
      never: "[invalid date]",
      bytes: "[6 bytes]",
      map: { a: 1, password: "[redacted]" },
      set: [1],
      url: "https://[redacted]@a.example/",
      boxed: "token=[redacted]",
      big: "10",
      not: "NaN",
      run: "[function]",
      list: [null, "[symbol]"],
      hidden: "[redacted]",
    });
    expect(sanitize(undefined)).toBeNull();
  });

  test("errors keep their facts", () => {
    const error = Object.assign(new Error("no route, token=abc", { cause: new TypeError("deep") }), { code: "ECONN" });
    expect(sanitize(error)).toMatchObject({
      name: "Error",
      message: "no route, token=[redacted]",
      code: "ECONN",
      cause: { name: "TypeError", message: "deep" },
    });
  });

  test("no code of the value runs", () => {
    const value = {
      get trap() {
        return fail();
      },
      toJSON: () => "fake",
    };
    expect(sanitize(value)).toEqual({ trap: "[getter]", toJSON: "[function]" });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(sanitize({ proxy, next: 1 })).toEqual({ proxy: "[unreadable]", next: 1 });
  });

  test("__proto__ is a member like any other", () => {
    const shown = sanitize(JSON.parse('{"__proto__":{"admin":true,"password":"x"}}')) as object;
    expect(JSON.stringify(shown)).toBe('{"__proto__":{"admin":true,"password":"[redacted]"}}');
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
  });

  test("a name cannot hide another that looks like it", () => {
    expect(sanitize({ "a\u200b": 1, "a\\u{200b}": 2 })).toEqual({ "a\\u{200b}": 1, "a\\u{200b} (2)": 2 });
  });
});

describe("unseen characters", () => {
  test.each([
    ["a\r\nb", "a\\u{d}\\u{a}b"],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["\u009b1m", "\\u{9b}1m"],
    ["a\u202eb\u2066c", "a\\u{202e}b\\u{2066}c"],
    ["a\u200bb\ufeffc\u00add", "a\\u{200b}b\\u{feff}c\\u{ad}d"],
    ["a\u2028b", "a\\u{2028}b"],
    ["a\ud800b", "a\\u{d800}b"],
    ["tag\u{e0041}", "tag\\u{e0041}"],
    ["Grüße, 東京 😀", "Grüße, 東京 😀"],
  ])("%j", (text, shown) => {
    expect(sanitizeText(text)).toBe(shown);
  });
});
