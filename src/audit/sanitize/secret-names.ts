/**
 * Which names stand for secrets. Spelling does not matter (`apiKey`, `API_KEY`, `x-api-key`, `apikey`); names that only
 * describe a secret or share a word with one (`max_tokens`, `password_policy`, `nextPageToken`) are left alone, because a
 * record in which everything is redacted answers no question.
 */

const plainLetters: Readonly<Record<string, string>> = { ł: "l", Ł: "L", ø: "o", Ø: "O", đ: "d", Đ: "D", ı: "i" };

/** Parts of a name, written together, that are secret wherever they occur. */
const stems = listed(`
  password passwd passwort kennwort passphrase passcode secret credential authorization cookie
  apikey apitoken privatekey accesskey secretkey signingkey encryptionkey masterkey sharedkey accountkey sshkey
  subscriptionkey sessionid sessionkey sessiontoken accesstoken authtoken refreshtoken idtoken bearertoken
  connectionstring clientassertion codeverifier recoverycode backupcode securitycode seedphrase mnemonic
  sessid clientkeydata accesssignature
  privkey presharedkey hmackey motdepasse contrasena wachtwoord losenord
  adgangskode salasana jelszo lozinka matkhau
`);

/** The same in other scripts, as {@link fold} leaves them. */
const foreign = [
  ...["пароль", "парола", "лозинка", "κωδικός πρόσβασης", "סיסמה", "كلمة المرور", "كلمة السر", "رمز عبور", "पासवर्ड"],
  ...["รหัสผ่าน", "密码", "密碼", "口令", "パスワード", "暗証番号", "비밀번호", "암호"],
].map((name) => fold(name).replaceAll(" ", ""));

/** Words that are secret when a name ends with them. */
const finals = new Set(
  listed(`
    pwd pw pass auth jwt bearer otp totp cvv cvc creds cred session sessions passkey sifre
    passw psw pswd dbpass userpass adminpass rootpass storepass keypass requirepass masterauth psk csrf senha haslo heslo passord
  `),
);

/** After these last words a name speaks about a secret and does not hold one. */
const describing = new Set(
  listed(`
    age alg algorithm arn attempts backend budget cost count counts description dir directory domain duration enabled
    endpoint endpoints engine estimate expired expires expiration expiry file format helper index label length lengths len
    lifetime limit limits location manager max maximum method methods min minimum minute hour day name names offset path
    policies policy position price provider rate ratio ref reference region remaining required retries rotation samesite
    scheme schemes server servers size sizes status stdin store strength supported timeout title total ttl type types uri uris
    url urls usage used version window
    go java js json md mjs py rb rs toml ts tsx txt yaml yml
  `),
);

/** Tokens that are cursors, or words of a language model's vocabulary. */
const harmlessTokens = new Set(
  listed(
    "page next previous prev progress continuation sync cancel cancellation pad eos bos unk sep cls mask stop special",
  ),
);
const harmlessTokenForm = /(?:page|next|progress|continuation|sync|cancellation)tokens?$/;

/** Words that turn a number into a setting: `max_token: 100`. */
const measuring = new Set(
  listed(
    "max min total count num number prompt completion input output cached reasoning thinking has is requires allow use",
  ),
);

/** Query parameters of signed and authorizing URLs (OAuth 2, AWS, Google, Azure), besides the names above. */
const parameters = new Set(
  listed("sig signature code key sid ticket hmac xamzsignature xgoogsignature xamzsecuritytoken"),
);

/** Some part of every name that could be secret: nearly all names and most texts have none of them. */
const suspicious =
  /[^\x20-\x7e]|pass|pw|kennwort|secret|cred|auth|cookie|key|token|sess|signature|connection|assertion|verifier|code|phrase|mnemonic|jwt|bearer|otp|cvv|cvc|pin|psw|psk|csrf|senha|haslo|heslo|contrasena|wachtwoord|losenord|adgangskode|salasana|jelszo|lozinka|sifre|matkhau|\\u\{/i;
const plainlySuspicious = new RegExp(suspicious.source.replace("|\\\\u\\{", ""), "i");
const suspiciousParameter = /%|sig|sid|ticket|hmac|amz/i;

const numeric = /^-?\d{1,18}(?:\.\d{1,9})?$/;

/**
 * True when a member of this name holds a secret. The value decides about counts: `tokens: 12` is a number of tokens.
 *
 * @param name at most some hundred characters; the caller cuts
 */
export function isSecretName(name: string, value: unknown): boolean {
  if (value === null || typeof value === "boolean" || !suspicious.test(name)) return false;
  if (isForeign(name)) return true;
  const words = readWords(name);
  const last = words.at(-1);
  if (last === undefined || describing.has(last) || isKeyId(words)) return false;
  const count = typeof value === "number" || (typeof value === "string" && numeric.test(value));
  if (count && measuring.has(words[0] ?? "")) return false;
  const joined = words.join("");
  if (harmlessTokenForm.test(joined)) return false;
  if (stems.some((stem) => joined.includes(stem) && !(stem === "secret" && joined.includes("secretar")))) return true;
  if (finals.has(last)) return !count || (last !== "pass" && !last.startsWith("session"));
  if (words.length === 1 && last === "pin") return count;
  return isToken(words, count);
}

/** False when no name in this text could be secret. */
export function mayNameSecret(text: string): boolean {
  return suspicious.test(text) || suspiciousParameter.test(text);
}

/** The same for names of columns and elements, which an unseen character beside them (`\u{a}`) does not make suspicious. */
export function mayNamePlainly(text: string): boolean {
  return plainlySuspicious.test(text);
}

/** Like {@link isSecretName}, for a name in the query of a URL. */
export function isSecretParameter(name: string, value: string): boolean {
  return isSecretName(name, value) || parameters.has(readWords(name).join(""));
}

/** Like {@link isSecretName}, for running text: `session: the morning one` is no secret. */
export function isSecretInProse(name: string, value: string): boolean {
  if (!isSecretName(name, value)) return false;
  const words = readWords(name.slice(name.lastIndexOf(" ") + 1));
  return words.length > 1 || !finals.has(words[0] ?? "");
}

/** After these last words a name is of something public, however random its value looks: ids, hashes, addresses. */
const identifying = new Set(
  listed(`
    id ids uid uids uuid uuids guid guids ulid oid oids cid kid jti urn arn sid dn sub subject subjects client group groups
    hash hashes sha sha1 sha224 sha256 sha384 sha512 sha3 md5 crc crc32 blake2b blake3 digest digests checksum checksums
    fingerprint fingerprints thumbprint thumbprints integrity etag match
    checkpoint checkpoints
    commit commits revision revisions rev revs tree blob parent parents head base oldrev newrev ref refs branch before after
    trace traceparent span cursor cursors address addresses tx txs txid transaction block layer layers manifest image images
    build issuer serial slug handle show checkout revert
  `),
);

/** True for the name of something that may look random without being secret. */
export function isIdentifierName(name: string): boolean {
  const words = readWords(name);
  const last = words.at(-1) ?? "";
  return identifying.has(last) || (/^\d+$/.test(last) && identifying.has(words.at(-2) ?? ""));
}

function isToken(words: readonly string[], count: boolean): boolean {
  const at = words.findIndex((word) => word.endsWith("token") || word.endsWith("tokens"));
  const word = words[at];
  if (word === undefined || harmlessTokens.has(words[at - 1] ?? "")) return false;
  return !count || (word.endsWith("token") && at === words.length - 1);
}

/** `access_key_id` and `apiKeyId` name a key that is kept elsewhere. */
function isKeyId(words: readonly string[]): boolean {
  return /^ids?$/.test(words.at(-1) ?? "") && /keys?$/.test(words.at(-2) ?? "");
}

function isForeign(name: string): boolean {
  if (!/[^\0-\u02af]/.test(name)) return false;
  const joined = fold(name)
    .replace(/[\s_.-]/g, "")
    .toLowerCase();
  return foreign.some((stem) => joined.includes(stem));
}

/** Invisible characters, full-width letters and accents hide no name; nor do letters that Unicode takes for no accented ones. */
function fold(name: string): string {
  const plain = name.normalize("NFKD").replace(/[\p{Cf}\p{Mn}]/gu, "");
  return /[^\0-\x7f]/.test(plain) ? plain.replace(/[łŁøØđĐı]/g, (letter) => plainLetters[letter] ?? letter) : plain;
}

/** Splits at anything but letters and digits, and at humps. */
function readWords(name: string): string[] {
  return fold(name)
    .split(/[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
}

function listed(text: string): string[] {
  return text.trim().split(/\s+/);
}
