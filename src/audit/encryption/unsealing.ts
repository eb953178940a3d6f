/** Sealed records, read with the keys where they are. */
import type { KeyObject } from "node:crypto";
import { readBase64url } from "../../crypto/base64url.ts";
import { decrypt } from "../../crypto/cipher.ts";
import type { AuditLine, Unlock } from "../read/records.ts";
import { isRecord } from "../record-shape.ts";
import type { Vault } from "./vault.ts";

/** Why no more of a record can be read than is in clear, or not what tells of a person. */
export type SealedReason = "key" | "person" | "damaged";

type Members = Readonly<Record<string, unknown>>;

/** Where the id of the key ends and the ciphertext begins. */
const headBytes = 8;
/** Keys that are kept at a time. */
const maxKeys = 10_000;

/**
 * Reads sealed records as if they had never been sealed; where a key is missing, as much of them as can be read.
 *
 * @param onSealed told why something stays unread, for each record that it is so with
 */
export function createUnlock(
  vault: Pick<Vault, "findFileKey" | "findPersonKey">,
  onSealed: (reason: SealedReason) => void,
): Unlock {
  const fileKeys = new Map<string, KeyObject | null>();
  const personKeys = new Map<string, KeyObject | null>();
  return (line) => {
    const { sealed } = line.record;
    if (sealed === undefined) return line;
    const opened = open(line, sealed);
    if (typeof opened !== "string") return opened;
    onSealed(opened);
    return line;
  };

  function open({ record, text }: AuditLine, sealed: string): AuditLine | SealedReason {
    const bytes = readBase64url(sealed);
    if (bytes === undefined) return "damaged";
    const key = remember(fileKeys, bytes.toString("hex", 0, headBytes), (id) => vault.findFileKey(id));
    if (key === null) return "key";
    const beside = frameOf(text, sealed);
    const members = readMembers(decrypt(key, beside, bytes.subarray(headBytes)), "{", "}");
    if (members === null) return "damaged";
    const { v, trail, seq, time, prev, hash } = record;
    const found = { v, trail, seq, time, ...addPersonal(members, beside), prev, hash };
    return isRecord(found) ? { record: found, text: JSON.stringify(found) } : "damaged";
  }

  function addPersonal({ personal, ...members }: Members, beside: string): Members {
    const { person, args, decision } = members;
    if (typeof personal !== "string" || typeof person !== "string") return members;
    const found = openPersonal(person, personal, beside);
    if (found === null) {
      onSealed("person");
      return members;
    }
    const { identity, view, detail } = found;
    return {
      ...members,
      identity,
      ...(view !== undefined && { args: { ...(args as Members), view } }),
      ...(detail !== undefined && { decision: insertDetail(decision as Members, detail) }),
    };
  }

  /** Whoever comes again after being erased has another key by the same name, so one that does not fit is looked for again. */
  function openPersonal(person: string, personal: string, beside: string): Members | null {
    const bytes = readBase64url(personal) ?? Buffer.alloc(0);
    const attempt = () => {
      const key = remember(personKeys, person, (id) => vault.findPersonKey(id));
      return key === null ? null : readMembers(decrypt(key, beside, bytes));
    };
    const found = attempt();
    if (found !== null) return found;
    personKeys.delete(person);
    return attempt();
  }
}

/** What stands around the sealed part, and was authenticated with it. */
function frameOf(text: string, sealed: string): string {
  const [before = "", behind = ""] = text.split(`,"sealed":"${sealed}"`);
  return before + behind.slice(0, behind.lastIndexOf(',"hash":"'));
}

function remember<Found>(known: Map<string, Found>, id: string, find: (id: string) => Found): Found {
  const kept = known.get(id);
  if (kept !== undefined) return kept;
  const found = find(id);
  if (known.size >= maxKeys) known.clear();
  known.set(id, found);
  return found;
}

function readMembers(text: string | undefined, before = "", behind = ""): Members | null {
  return text === undefined ? null : (JSON.parse(`${before}${text}${behind}`) as Members);
}

/** In its place in the order of members. */
function insertDetail({ shadow, ...decision }: Members, detail: unknown): Members {
  return { ...decision, detail, ...(shadow !== undefined && { shadow }) };
}
