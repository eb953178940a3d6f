/** Why a login through a provider came to nothing: a name for the record, words for the person, and what helps the operator. */

/** What is said to the person; nothing of it is from the provider. */
const texts = {
  return_unknown:
    "This login is not known here, is over, or was used already. Go back to the client and connect again.",
  return_foreign: "This login was begun in another browser. Go back to the client and connect again.",
  return_mixed: "The answer is not from where you were sent to.",
  return_cut: "The answer is incomplete.",
  provider_denied: "You, or the place where you log in, said no.",
  provider_error: "The place where you log in reports a fault.",
  provider_unavailable: "The place where you log in cannot be reached. Try again later.",
  provider_unfit: "The place where you log in is not set up as this gateway expects.",
  provider_refused: "The place where you log in does not accept this gateway.",
  id_token_refused: "What was said about you could not be verified.",
  subject_unfit: "What was said about you does not name you.",
  groups_unfit: "What was said about your groups cannot be read.",
  groups_overage: "You are in more groups than could be said.",
  person_refused: "Your account there may not be used here.",
  account_disabled: "Your account here is disabled.",
  auth_time_missing: "It was not said when you logged in there, and this takes a recent login.",
  login_old: "Your login there is too old for this.",
} as const;

export type FailureReason = keyof typeof texts;

export class FederationFailure extends Error {
  override readonly name = "FederationFailure";
  readonly reason: FailureReason;
  /** For the person. */
  readonly text: string;

  /** @param detail for the operator's log: names the line to change where it is known, and never quotes what was secret or said by a stranger */
  constructor(reason: FailureReason, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
    this.text = texts[reason];
  }
}
