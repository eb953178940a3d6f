import { describe, expect, test } from "vitest";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";

/** Stands for a secret in what goes in, and for its mark in what comes out. */
const secret = "hunter2Zq";
const hide = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(secret, "[redacted]"));

test.each([
  `redis-cli -h cache -a ${secret} get x`,
  `CONFIG SET requirepass ${secret}`,
  `ldapsearch -x -D cn=ann -w ${secret} -b dc=example`,
  `ldapwhoami -w'${secret}' -x`,
  `docker login -u ann -p ${secret} registry.example.com`,
  `sudo podman login -p=${secret} registry.example.com`,
  `az login --service-principal -u app -p ${secret} --tenant t`,
  `sshpass -p '${secret}' ssh ann@db`,
  `sshpass -p ${secret} mysql -u ann -p${secret} orders`,
  `"C:\\Tools\\sqlcmd.exe" -S db -U sa -P "${secret}" -Q x`,
  `bcp a in b -U sa -P${secret}`,
  `openssl pkcs12 -in a.p12 -passin pass:${secret} -nodes`,
  `openssl enc -aes-256-cbc -k ${secret} -in a`,
  `curl -sSu ann:${secret} https://a.example`,
  `curl --user='ann:${secret}' https://a.example`,
  `curl -H "Authorization: ${secret}" https://a.example`,
  `mongosh -u ann -p ${secret} --host db`,
  `mongosh --password ${secret} --host db`,
  `PGPASSWORD=${secret} psql -h db`,
  `kubectl create secret generic a --from-literal=user=${secret} --from-literal 'x=${secret}'`,
  `vault kv put secret/db key=${secret}`,
  `vault login ${secret}`,
  `gh secret set NAME --body ${secret}`,
  `npm config set //registry.example.com/:_authToken ${secret}`,
  `aws configure set aws_secret_access_key ${secret}`,
  `git config user.password ${secret}`,
  `RequestHeader set Authorization "${secret}"`,
  `setx DB_PASSWORD ${secret}`,
  `ENV DB_PASSWORD ${secret}`,
  `keytool -storepass ${secret} -keypass ${secret} -list`,
  `plink -pw ${secret} db`,
  `unzip -P ${secret} a.zip`,
  `smbclient //files/a -U ann%${secret}`,
  `sqlplus scott/${secret}`,
  `rabbitmqctl add_user ann ${secret}`,
  `echo ${secret} | docker login --password-stdin`,
  `echo '${secret}' | chpasswd`,
  `ConvertTo-SecureString '${secret}' -AsPlainText -Force`,
  `["docker","login","-p","${secret}"`,
  `CMD ["redis-server", "--requirepass", "${secret}"]`,
  `subprocess.run(['redis-cli', '-a', '${secret}'])`,
  `{"cmd":"redis-cli -a ${secret}","n":1`,
  `{"cmd":"curl -u \\"ann:${secret}\\" x","n":1`,
])("a password at its place in a command goes, and the rest stays: %s", (text) => {
  expect(sanitizeText(text)).toBe(hide(text));
  expect(sanitizeText(sanitizeText(text))).toBe(hide(text));
});

test.each([
  [`args:\n  - --password\n  - ${secret}\nport: 1`, "args:\\u{a}  - --password\\u{a}  - [redacted]\\u{a}port: 1"],
  [`docker login \\\n  -p ${secret} a`, "docker login \\\\u{a}  -p [redacted] a"],
  [`mysql --password \\\n  ${secret}`, "mysql --password \\\\u{a}  [redacted]"],
])("over several lines: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

describe("a list of arguments", () => {
  test.each(
    [
      ["docker", "login", "-p", secret],
      ["--password", secret],
      ["/usr/bin/redis-cli", "-a", secret],
      ["mysql", "-u", "ann", `-p${secret}`, "orders"],
      ["sshpass", "-p", secret, "ssh", "db"],
      ["curl", "-u", `ann:${secret}`, "https://a.example"],
      ["curl", "-H", `Authorization: ${secret}`],
      ["openssl", "rsa", "-passin", `pass:${secret}`],
      ["kubectl", "create", "secret", "generic", "a", "--from-literal", `x=${secret}`],
      ["vault", "login", secret],
      ["bash", "-c", `redis-cli -a ${secret}`],
      { command: "docker login", args: ["-p", secret] },
      { command: ["redis-cli"], args: ["-a", secret] },
      { Cmd: "curl", Args: ["-u", `ann:${secret}`] },
      JSON.stringify({ command: "sshpass", arguments: ["-p", secret, "ssh"] }),
    ].map((value) => [value]),
  )("%j", (value) => {
    expect(sanitize(value)).toEqual(hide(value));
    expect(sanitize(hide(value))).toEqual(hide(value));
  });
});

test.each(
  [
    "docker run -p 8080:80 -u 1000:1000 nginx",
    "docker login registry.example.com && docker run -p 8080:80 nginx",
    "mkdir -p a/b && zip -r a.zip b",
    "git config credential.helper store",
    "git config user.name Ann",
    "git commit -m 'Handle tokens -p'",
    "curl -b cookies.txt -o a.html https://a.example",
    "curl -u ann https://a.example",
    "mysql -p orders",
    "openssl x509 -in a.pem -noout -text",
    "npm install -P left-pad",
    "kubectl get pods -a",
    "we push it over http -a protocol of the web",
    "vault login -method=userpass",
    "vault kv get secret/db",
    "set -a; read -p prompt answer",
    ["docker", "run", "-p", "8080:80"],
    ["mkdir", "-p", "a/b"],
    { command: "git", args: ["log", "-p", "main"] },
    { command: "curl -s https://a.example", timeout: 5 },
  ].map((value) => [value]),
)("the same options mean other things elsewhere: %j", (value) => {
  expect(sanitize(value)).toEqual(value);
});

test.each([
  ["docker", "login", "see -p for the port", "x"],
  ["docker", "login", `${"a ".repeat(62)}-p`, "note"],
])("no word within a sentence that is one argument is an option: %j", (...args) => {
  expect(sanitize({ args })).toEqual({ args });
});

test("an argument that became shorter shows no option that was not seen before", () => {
  const long = `x {"a":"<password>${"password ".repeat(20)}</password> -p","b":1} y`;
  const once = sanitize({ command: "docker login", args: [long, "note"] });
  expect(sanitize(once)).toEqual(once);
});
