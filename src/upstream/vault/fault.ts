/**
 * Why nobody can log in at a server at the moment. The message is for the operator, in the gateway's own words: what a stranger's document
 * says stays outside of log and record.
 */
export class VaultFault extends Error {
  override readonly name = "VaultFault";
}
