/** The audit file cannot be opened, written or trusted. The message is for the operator and says what to do. */
export class AuditFault extends Error {
  override readonly name = "AuditFault";
}
