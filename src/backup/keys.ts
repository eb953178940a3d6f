/** What a backup is encrypted for and opened with, in the forms of age (age-encryption.org/v1). */
import { Decrypter, Encrypter } from "age-encryption";
import { readText } from "../config/files.ts";
import { BackupError } from "./fault.ts";

/** Who can open a backup: holders of one of the keys, or of the passphrase in a file. */
export type Lock = { readonly recipients: readonly string[] } | { readonly passphraseFile: string };

/** What opens it: a file of secret keys as `age-keygen` writes one, or a file with the passphrase. */
export type Opener = { readonly identityFile: string } | { readonly passphraseFile: string };

/** Whoever has a copy of the archive can try for as long as he likes. */
const minPassphraseLength = 12;
const maxKeyFileBytes = 65_536;

/** @throws BackupError naming the key that is none, or the file */
export async function createEncrypter(lock: Lock): Promise<Encrypter> {
  const encrypter = new Encrypter();
  if ("passphraseFile" in lock) {
    const passphrase = await readPassphrase(lock.passphraseFile);
    if (passphrase.trim().length < minPassphraseLength) {
      throw new BackupError(`${lock.passphraseFile}: a passphrase needs ${minPassphraseLength} characters or more`);
    }
    encrypter.setPassphrase(passphrase);
    return encrypter;
  }
  for (const recipient of lock.recipients) {
    if (/^AGE-SECRET-KEY-/i.test(recipient)) {
      throw new BackupError("this is a secret key; --recipient takes the public one, which begins with age1");
    }
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      throw new BackupError(`${recipient}: this is no public key of age, such as age1…`, { cause });
    }
  }
  return encrypter;
}

/** @throws BackupError naming the file, never what is in it */
export async function createDecrypter(opener: Opener): Promise<Decrypter> {
  const decrypter = new Decrypter();
  if ("passphraseFile" in opener) {
    decrypter.addPassphrase(await readPassphrase(opener.passphraseFile));
    return decrypter;
  }
  const { identityFile } = opener;
  const lines = (await readSecretFile(identityFile)).split(/\r?\n/).map((line) => line.trim());
  const identities = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (identities.length === 0) throw new BackupError(`${identityFile}: there is no key in it`);
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      // Without the cause: it may quote what is in the file.
      throw new BackupError(`${identityFile}: there is something in it that is no secret key of age`);
    }
  }
  return decrypter;
}

async function readPassphrase(file: string): Promise<string> {
  const [passphrase = "", ...others] = (await readSecretFile(file)).replace(/\r?\n$/, "").split(/\r?\n/);
  if (passphrase === "" || others.length > 0) throw new BackupError(`${file}: expected one line with the passphrase`);
  return passphrase;
}

async function readSecretFile(file: string): Promise<string> {
  const read = await readText(file, { maxBytes: maxKeyFileBytes, secret: true });
  if ("fault" in read) {
    throw new BackupError(`${file}: ${read.fault}${read.hint === undefined ? "" : ` (${read.hint})`}`);
  }
  return read.value;
}
