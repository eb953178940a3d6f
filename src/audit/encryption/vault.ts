/** The keys of an encrypted trail: one for each file, and one for each person. */
import { type KeyObject, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { PermanentKeys } from "../../crypto/keyring.ts";
import { AuditFault } from "../fault.ts";
import type { AuditIdentity } from "../record.ts";
import { KeyFiles } from "./key-files.ts";

/** A key and what records call it. */
export interface NamedKey {
  readonly id: string;
  readonly key: KeyObject;
}

interface KnownPerson extends NamedKey {
  /** As its file had it. */
  readonly wrapped: string;
  readonly lookedMs: number;
}

export interface VaultOptions {
  /** The state directory. */
  readonly directory: string;
  readonly keys: Pick<PermanentKeys, "fingerprint" | "wrapper">;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const idBytes = 8;
/** Another process may have destroyed a person's key; as long as this nobody minds. */
const lookAgainMs = 1_000;
const maxKnown = 10_000;

/** Keys are stored before they are used, and a key that is destroyed is never made again. */
export class Vault {
  readonly #keys: VaultOptions["keys"];
  readonly #now: () => number;
  readonly #files: KeyFiles;
  readonly #people: KeyFiles;
  readonly #known = new Map<string, KnownPerson>();

  constructor({ directory, keys, now }: VaultOptions) {
    this.#keys = keys;
    this.#now = now;
    this.#files = new KeyFiles(join(directory, "audit-keys"));
    this.#people = new KeyFiles(join(directory, "audit-people"));
  }

  /**
   * A new key for a file, stored under a name that says where it begins.
   *
   * @param trail that the file is of
   * @param firstSeq number of the first record that may be encrypted with it
   * @throws AuditFault when it cannot be stored
   */
  drawFileKey(trail: string, firstSeq: number): NamedKey {
    const id = randomBytes(idBytes).toString("hex");
    const name = `${trail}.${firstSeq}.${id}`;
    const { key, wrapped } = this.#keys.wrapper.draw(name);
    store(this.#files, name, wrapped);
    return { id, key };
  }

  /** Null where it was destroyed, or belongs to another ring. */
  findFileKey(id: string): KeyObject | null {
    const name = this.#files.list().find((each) => each.endsWith(`.${id}`));
    return name === undefined ? null : this.#open(this.#files, name);
  }

  /** Ids of the keys that begin with one of these records. */
  listFileKeys(trail: string, from: number, to: number): readonly string[] {
    return this.#namesBetween(trail, from, to).map((name) => name.split(".")[2] ?? "");
  }

  /** Destroys the keys that {@link listFileKeys} lists. */
  destroyFileKeys(trail: string, from: number, to: number): void {
    for (const name of this.#namesBetween(trail, from, to)) this.#files.destroy(name);
  }

  /** What records call a person: the same in all of them, and of no use to whoever has no key ring. */
  nameOf(issuer: string, subject: string): string {
    const fingerprint = this.#keys.fingerprint("audit-person", JSON.stringify([issuer, subject]));
    // Names of files differ by more than the case of their letters.
    return Buffer.from(fingerprint, "base64url").toString("hex");
  }

  /**
   * The key of a person, drawn when they are seen for the first time.
   *
   * @throws AuditFault when it cannot be stored
   */
  personKey({ issuer, subject }: Pick<AuditIdentity, "issuer" | "subject">): NamedKey {
    // The length keeps the parts apart.
    const who = `${issuer.length}.${issuer}${subject}`;
    const known = this.#known.get(who);
    if (known !== undefined && this.#now() - known.lookedMs < lookAgainMs) return known;
    const id = known?.id ?? this.nameOf(issuer, subject);
    const found = this.#lookUp(id, known) ?? this.#draw(id);
    this.#known.delete(who);
    if (this.#known.size >= maxKnown) this.#known.delete(this.#known.keys().next().value ?? "");
    this.#known.set(who, found);
    return found;
  }

  /** Null where it was destroyed, or belongs to another ring. */
  findPersonKey(id: string): KeyObject | null {
    return this.#open(this.#people, id);
  }

  /** Whether there is a key of this name. */
  knowsPerson(id: string): boolean {
    return this.#people.read(id) !== null;
  }

  destroyPersonKey(id: string): void {
    this.#people.destroy(id);
    this.#known.clear();
  }

  #namesBetween(trail: string, from: number, to: number): readonly string[] {
    return this.#files.list().filter((name) => {
      const [of, first = ""] = name.split(".");
      return of === trail && Number(first) >= from && Number(first) <= to;
    });
  }

  #open(files: KeyFiles, name: string): KeyObject | null {
    const wrapped = files.read(name);
    return wrapped === null ? null : (this.#keys.wrapper.open(name, wrapped) ?? null);
  }

  #lookUp(id: string, known: KnownPerson | undefined): KnownPerson | null {
    const wrapped = this.#people.read(id);
    if (wrapped === null) return null;
    const key = wrapped === known?.wrapped ? known.key : this.#keys.wrapper.open(id, wrapped);
    if (key === undefined) throw new AuditFault(`the key ${id} in ${this.#people.directory} cannot be read`);
    return { id, key, wrapped, lookedMs: this.#now() };
  }

  #draw(id: string): KnownPerson {
    const { key, wrapped } = this.#keys.wrapper.draw(id);
    const isFirst = store(this.#people, id, wrapped);
    if (isFirst) return { id, key, wrapped, lookedMs: this.#now() };
    // Another worker has seen them in the same moment.
    const found = this.#lookUp(id, undefined);
    if (found === null) throw new AuditFault(`the key ${id} was destroyed in the moment it was made`);
    return found;
  }
}

function store(files: KeyFiles, name: string, wrapped: string): boolean {
  try {
    return files.store(name, wrapped);
  } catch (cause) {
    throw new AuditFault(`a key of the audit trail could not be stored in ${files.directory}`, { cause });
  }
}
