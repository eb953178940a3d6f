/**
 * Records whose members are encrypted. The chain goes over what stands in the file, so it is verified without any key, and goes on
 * being verified when a key was destroyed. What tells a record from others stays readable and is authenticated with the rest, so that no
 * record's members can be put into another one.
 */
import { encrypt } from "../../crypto/cipher.ts";
import {
  type AuditEntry,
  type ChainPlace,
  gatewayEvents,
  type RecordRenderer,
  renderMembers,
  renderPersonal,
  renderRecord,
} from "../record.ts";
import type { NamedKey, Vault } from "./vault.ts";

/** Of what is about the gateway itself, these tell of others: what the configuration says, addresses, people. */
const sealedEvents: ReadonlySet<string> = new Set(["reload", "connections", "admin"]);
/** The rest says what became of the trail, which must be known when it cannot be read any more. */
const clearEvents: ReadonlySet<string> = new Set(gatewayEvents.filter((event) => !sealedEvents.has(event)));

/**
 * Renders records with all but their place, time and event encrypted under the key of a file; in there, what tells of a person is
 * encrypted once more under the key of that person.
 */
export function createSealer(vault: Pick<Vault, "personKey">, { id, key }: NamedKey): RecordRenderer {
  const head = Buffer.from(id, "hex");
  return (entry, place) => {
    if (clearEvents.has(entry.event)) return renderRecord(entry, place);
    const { before, behind } = frame(entry, place);
    const beside = before + behind;
    const members = encrypt(key, beside, renderSealable(entry, beside, vault), head);
    return `${before},"sealed":"${members.toString("base64url")}"${behind}}`;
  };
}

/** What stands around the sealed part. */
function frame({ time, event }: AuditEntry, { trail, seq, prev }: ChainPlace) {
  const before = `{"v":1,"trail":"${trail}","seq":${seq},"time":${JSON.stringify(time)},"event":"${event}"`;
  return { before, behind: `,"prev":"${prev}"` };
}

function renderSealable(entry: AuditEntry, beside: string, vault: Pick<Vault, "personKey">): string {
  const { identity, args, decision } = entry;
  if (identity === null) return renderMembers(entry);
  const person = vault.personKey(identity);
  const personal = encrypt(person.key, beside, renderPersonal(identity, entry)).toString("base64url");
  const rest = {
    ...entry,
    identity: null,
    args: args && { digest: args.digest },
    decision: { ...decision, detail: null },
  };
  return `${renderMembers(rest)},"person":"${person.id}","personal":"${personal}"`;
}
