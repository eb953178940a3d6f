/** Most texts are sentences. They are told from everything that could hold a secret by one look, where the patterns take several. */
import { hasLongNumber } from "./secret-cards.ts";

/**
 * Words of small letters, capitalized ones, and short numbers, each with a blank behind it. Without colons, equals signs, quotes and hyphens no
 * pattern finds a name and its value; a capitalized word of this length is no token, and one of small letters never is.
 */
const sentence = /^(?:(?:[A-Z][a-z]{0,11}|[a-z]+|\d{1,4})(?:'[a-z]{1,3})?[.,;?!]{0,2}(?: |$))*$/;

/** What a secret may follow with nothing but a blank between. */
const leads = /basic|bearer|dpop|identified|password/i;

/** Whether no pattern can find a secret in a text. False says nothing. */
export function isProse(text: string): boolean {
  return sentence.test(text) && !leads.test(text) && !hasLongNumber(text);
}
