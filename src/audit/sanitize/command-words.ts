/**
 * Where programs take passwords that no name gives away: `redis-cli -a …`, `docker login -p …`. It judges the words of a command, be they
 * those of a text or of a list of arguments. Pure.
 */
import { mark } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";

/** The colon of a mark stands before no password. */
const user = `(?:${mark}|(?!${mark})[^: ])*:`;

/**
 * By program, the patterns of what stands right before a secret, in its own word (`-p`) or the ones before it (`-p `). What has to come
 * somewhere before that stands before `>`: `docker login -p …` has a password, and `docker run -p …` a port. `name` is the name of a secret.
 */
const manual: Readonly<Record<string, readonly string[]>> = {
  "redis-cli redis-benchmark valkey-cli": ["-a[ =]?"],
  "ldapsearch ldapadd ldapmodify ldapdelete ldapcompare ldapmodrdn ldapwhoami ldapexop": ["-w ?"],
  ldappasswd: ["-[was] ?"],
  "docker podman nerdctl buildah skopeo helm oras crane az oc cf": ["login>-p[ =]?"],
  "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlpump mysqlsh": ["-p"],
  "mariadb mariadb-dump mariadb-admin 7z 7za 7zz 7zr rar unrar": ["-p"],
  "mongo mongosh mongodump mongorestore mongoexport mongoimport sshpass": ["-p[ =]?"],
  "sqlcmd bcp isql tsql osql fisql zip unzip ipmitool": ["-P ?"],
  "cqlsh cbq cypher-shell snowsql psexec psexec64 ncftpput ncftpget useradd usermod": ["-p "],
  openssl: ["enc>-[kK] ", "pass:"],
  "snmpget snmpset snmpwalk snmpgetnext snmpbulkget snmpbulkwalk snmptrap snmptable": ["-[cAX] "],
  "curl curlie": [`-[A-Za-z#]{0,12}[uU][ =]?${user}`, `--(?:proxy-)?user[ =]${user}`, "(?:-b|--cookie)[ =](?=.*=)"],
  "http https xh xhs": [`(?:-a|--auth)[ =]${user}`],
  "smbclient rpcclient smbget": ["(?:-U ?|--user[ =])[^% ]*%"],
  "lftp ncftp": ["-u ?[^, ]*,"],
  "ssh-keygen": ["-[NP] ?"],
  "xfreerdp xfreerdp3 wfreerdp cmdkey": ["/p(?:ass)?:"],
  kubectl: ["--from-literal[ =][^= ]*="],
  "vault bao": ["login>login (?!-)", "put|write|patch>[^= -][^= ]*="],
  gh: ["secret>(?:-b|--body)[ =]?"],
  rabbitmqctl: ["(?:add_user|change_password) [^ ]+ "],
  wpa_passphrase: ["wpa_passphrase [^ ]+ "],
  "ConvertTo-SecureString convertto-securestring": ["(?:[Cc]onvert[Tt]o-[Ss]ecure[Ss]tring|-String) (?!-)"],
  "sqlplus expdp impdp sqlldr": ["[\\w$#]+/(?=.)"],
  "aws npm pnpm yarn git pulumi": ["config>name", "configure>name"],
  "requirepass masterauth insecure-password": ["(?:requirepass|masterauth|insecure-password) "],
  "setx setenv ENV proxy_set_header header_up RequestHeader nmcli redis-server rclone": ["name"],
};

interface Rule {
  /** Words of which one has to come before. */
  readonly after: readonly string[];
  /** What stands right before the secret; null for a name. */
  readonly before: RegExp | null;
}

const rules = new Map<string, readonly Rule[]>();
for (const [names, sources] of Object.entries(manual)) {
  for (const name of names.split(" ")) rules.set(name, sources.map(readRule));
}

function readRule(source: string): Rule {
  const [, after, before = source] = /^([a-z|]+)>(.+)$/.exec(source) ?? [];
  return { after: after?.split("|") ?? [], before: before === "name" ? null : new RegExp(`(?<= )${before}`, "g") };
}

/** Their names; the source of a pattern. */
export const programs = [...rules.keys()].join("|");

/** A program may call another (`sudo`, `sshpass`); more than so many are none. */
const mostPrograms = 4;
const longestName = 128;
/** The name of a secret may be part of an address: `//registry.example.com/:_authToken`. */
const nameForm = /^[\w./:-]{1,128}$/;

/** The rules for one program, whatever its path and ending. Empty for what is no program that is known. */
function rulesOf(word: string): readonly Rule[] {
  if (word.length > longestName || word.includes("://")) return [];
  const name = word.slice(Math.max(word.lastIndexOf("/"), word.lastIndexOf("\\")) + 1);
  return rules.get(name.toLowerCase().endsWith(".exe") ? name.slice(0, -4).toLowerCase() : name) ?? [];
}

/** Whether a word calls a program that is known. */
export function isProgram(word: string): boolean {
  return rulesOf(word).length > 0;
}

/**
 * Takes the words of a command one after the other, without the quotes around them, and says of each where its secret begins, which is
 * the rest of the word: the word's length if it has none.
 */
export function createCommandReader(): (word: string) => number {
  const known: (readonly Rule[])[] = [];
  const seen = new Set<string>();
  let [last, previous] = ["", ""];
  return (word) => {
    const start = known.length === 0 ? word.length : findSecret(word, ` ${last} ${previous} `, previous, known, seen);
    const own = known.length < mostPrograms ? rulesOf(word) : [];
    if (own.length > 0 && !known.includes(own)) known.push(own);
    if (known.length > 0 && word.length < longestName) seen.add(word);
    // Of a sentence no word is an option.
    [last, previous] = [previous, word.slice(0, longestName).replaceAll(" ", "_")];
    return start;
  };
}

function findSecret(
  word: string,
  before: string,
  name: string,
  known: readonly (readonly Rule[])[],
  seen: ReadonlySet<string>,
): number {
  const line = before + word.slice(0, longestName);
  for (const rule of known.flat()) {
    if (rule.after.length > 0 && !rule.after.some((one) => seen.has(one))) continue;
    if (rule.before === null) {
      if (nameForm.test(name) && !/^[-+]/.test(word) && isSecretName(name, word)) return 0;
      continue;
    }
    // A copy of the pattern for each word, as matchAll makes it, takes longer than the search.
    rule.before.lastIndex = 0;
    for (let match = rule.before.exec(line); match !== null; match = rule.before.exec(line)) {
      const start = match.index + match[0].length - before.length;
      if (match.index <= before.length && start >= 0 && start < word.length) return start;
    }
  }
  return word.length;
}
