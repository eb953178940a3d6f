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

/** The key that the records of a file are encrypted with. */
export interface FileKey extends NamedKey {
  /** Whether it is still where whoever reads the file will look for it. */
  isKept(): boolean;
}

interface KnownPerson extends NamedKey {
  /** As its file had it. */
  readonly wrapped: string;
  readonly lookedMs: number;
}

type Person = Pick<AuditIdentity, "issuer" | "subject">;

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
  /** Keys of people that are on their way to the disk, by their ids. */
  readonly #drawing = new Map<string, Promise<void>>();

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
  drawFileKey(trail: string, firstSeq: number): FileKey {
    const id = randomBytes(idBytes).toString("hex");
    const name = `${trail}.${firstSeq}.${id}`;
    const { key, wrapped } = this.#keys.wrapper.draw(name);
    try {
      this.#files.storeAtOnce(name, wrapped);
    } catch (cause) {
      throw unstored(this.#files, cause);
    }
    return { id, key, isKept: () => this.#files.read(name) === wrapped };
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
   * Sees to it that a person has a key before a record of them has to be written: what is drawn here keeps nobody waiting who is
   * known already.
   *
   * @returns null where they have one; otherwise it rejects with an AuditFault when it cannot be read or stored
   */
  meet(person: Person): Promise<void> | null {
    try {
      if (this.#recall(person) !== null) return null;
    } catch (fault) {
      return Promise.reject(fault);
    }
    const id = this.nameOf(person.issuer, person.subject);
    const drawing = this.#drawing.get(id) ?? this.#drawInTime(person, id).finally(() => this.#drawing.delete(id));
    this.#drawing.set(id, drawing);
    return drawing;
  }

  /**
   * The key of a person, drawn when they are seen for the first time.
   *
   * @throws AuditFault when it cannot be read or stored
   */
  personKey(person: Person): NamedKey {
    return this.#recall(person) ?? this.#draw(person, this.nameOf(person.issuer, person.subject));
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

  /** Destroys what a crash has left half destroyed. */
  destroyRest(): void {
    this.#files.destroyRest();
    this.#people.destroyRest();
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

  /** Null where there is none. */
  #recall(person: Person): KnownPerson | null {
    const who = keyOf(person);
    const known = this.#known.get(who);
    if (known !== undefined && this.#now() - known.lookedMs < lookAgainMs) return known;
    const found = this.#lookUp(known?.id ?? this.nameOf(person.issuer, person.subject), known);
    return found && this.#remember(who, found);
  }

  #remember(who: string, found: KnownPerson): KnownPerson {
    this.#known.delete(who);
    if (this.#known.size >= maxKnown) this.#known.delete(this.#known.keys().next().value ?? "");
    this.#known.set(who, found);
    return found;
  }

  #lookUp(id: string, known?: KnownPerson): KnownPerson | null {
    const wrapped = this.#people.read(id);
    if (wrapped === null) return null;
    const key = wrapped === known?.wrapped ? known.key : this.#keys.wrapper.open(id, wrapped);
    if (key === undefined) throw new AuditFault(`the key ${id} in ${this.#people.directory} cannot be read`);
    return { id, key, wrapped, lookedMs: this.#now() };
  }

  async #drawInTime(person: Person, id: string): Promise<void> {
    const { key, wrapped } = this.#keys.wrapper.draw(id);
    try {
      // Another worker may have seen them in the same moment; whoever writes a record will look.
      if (!(await this.#people.store(id, wrapped))) return;
    } catch (cause) {
      throw unstored(this.#people, cause);
    }
    this.#remember(keyOf(person), { id, key, wrapped, lookedMs: this.#now() });
  }

  #draw(person: Person, id: string): KnownPerson {
    const { key, wrapped } = this.#keys.wrapper.draw(id);
    let isFirst: boolean;
    try {
      isFirst = this.#people.storeAtOnce(id, wrapped);
    } catch (cause) {
      throw unstored(this.#people, cause);
    }
    const found = isFirst ? { id, key, wrapped, lookedMs: this.#now() } : this.#lookUp(id);
    if (found === null) throw new AuditFault(`the key ${id} was destroyed in the moment it was made`);
    return this.#remember(keyOf(person), found);
  }
}

/** The length keeps the parts apart. */
function keyOf({ issuer, subject }: Person): string {
  return `${issuer.length}.${issuer}${subject}`;
}

function unstored({ directory }: KeyFiles, cause: unknown): AuditFault {
  return new AuditFault(`a key of the audit trail could not be stored in ${directory}`, { cause });
}
