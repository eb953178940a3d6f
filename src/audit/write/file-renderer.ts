import { createSealer } from "../encryption/sealing.ts";
import type { Vault } from "../encryption/vault.ts";
import { type RecordRenderer, renderRecord } from "../record.ts";

/** How the records of one file are rendered. */
export interface FileRenderer {
  readonly render: RecordRenderer;
  /** What the record that begins the file says of it. */
  readonly note: { readonly key?: string };
  /** Whether what it renders can be read with what is kept. */
  isReadable(): boolean;
}

/**
 * Decides how the records of a new file are rendered.
 *
 * @throws AuditFault when its key cannot be stored
 */
export type RendererSource = (trail: string, firstSeq: number) => FileRenderer;

/** Records as they are. */
export const inClear: RendererSource = () => ({ render: renderRecord, note: {}, isReadable: () => true });

/** Records encrypted, with a new key for each file. */
export function sealedBy(vault: Vault): RendererSource {
  return (trail, firstSeq) => {
    const key = vault.drawFileKey(trail, firstSeq);
    return { render: createSealer(vault, key), note: { key: key.id }, isReadable: () => key.isKept() };
  };
}
