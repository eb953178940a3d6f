/** The audit file cannot be opened, written or trusted. The message is for the operator and says what to do. */
export class AuditFault extends Error {
  override readonly name: string = "AuditFault";
}

/** The record is in the file, and nobody knows whether it will stay there. */
export class UnforcedFault extends AuditFault {
  override readonly name = "UnforcedFault";
}
