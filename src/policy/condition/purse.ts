/** What one decision may spend on conditions. Pure: the purse comes with the evaluation, which is synchronous. */

/** What one decision may still spend, in about a nanosecond each. */
export interface Purse {
  left: number;
}

/** As much as some 10,000 steps of the simplest macros are worth, or comparing 20 million characters one by one. */
export function fillPurse(): Purse {
  return { left: 20_000_000 };
}

/** For a message that asks many questions at once, each of which would have a purse of its own. */
export function fillLargePurse(): Purse {
  return { left: 200_000_000 };
}

let purse: Purse = { left: 0 };

/**
 * Evaluates what pays from a purse.
 *
 * @returns undefined where it threw, or where the purse did not last: what is absorbed by the rest of an expression, such as an
 *   error beside `|| true`, is not forgotten
 */
export function evaluateWithin<Result>(given: Purse, evaluate: () => Result): Result | undefined {
  purse = given;
  const { stackTraceLimit } = Error;
  // Errors are values here, and their stack traces most of what they cost.
  Error.stackTraceLimit = 0;
  try {
    const result = evaluate();
    return purse.left < 0 ? undefined : result;
  } catch {
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** @throws RangeError when nothing is left */
export function pay(cost: number): void {
  purse.left -= cost;
  if (purse.left < 0) throw tooExpensive;
}

/** Whether so much is left. */
export function canPay(cost: number): boolean {
  return cost <= purse.left;
}

/** One for all, since even making an error costs more than most of what is refused by it. */
const tooExpensive = new RangeError("the condition costs too much");
