/** One check of a checks.json of the suite; members that do not matter here are left out. */
export interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly errorMessage?: string | undefined;
}

/** The checks of each scenario that ran. */
export type Run = ReadonlyMap<string, readonly Check[]>;

/** A check that held directly and does not hold through what stands between. */
export interface LostCheck {
  readonly scenario: string;
  readonly id: string;
  readonly name: string;
  /** What became of it; `absent` when it was not made at all. */
  readonly status: string;
  readonly message: string;
}

/** A scenario passes when it made at least one check and none failed. */
export function isPassed(checks: readonly Check[] | undefined): boolean {
  return checks !== undefined && checks.length > 0 && !checks.some(isFailure);
}

/** How many checks of the run succeeded. */
export function countPassed(run: Run): number {
  return [...run.values()].flat().filter(isSuccess).length;
}

/**
 * Every check that `direct` has more often as SUCCESS than `through`, or that `through` has more often as FAILURE.
 *
 * The suite makes several checks of the same id and name in one scenario, so they are counted, not looked up; and since
 * its exit code forgives WARNING, SKIPPED and checks that were never made, nothing but SUCCESS counts as kept.
 */
export function findLost(direct: Run, through: Run): LostCheck[] {
  return [...direct].flatMap(([scenario, checks]) => {
    const before = groupByName(checks);
    const after = groupByName(through.get(scenario) ?? []);
    const keys = new Set([...before.keys(), ...after.keys()]);
    return [...keys].flatMap((key) => lostOf(scenario, before.get(key) ?? [], after.get(key) ?? []));
  });
}

function lostOf(scenario: string, before: readonly Check[], after: readonly Check[]): LostCheck[] {
  const fewer = before.filter(isSuccess).length - after.filter(isSuccess).length;
  const worse = after.filter(isFailure).length - before.filter(isFailure).length;
  const count = Math.max(fewer, worse, 0);
  const [first] = [...before, ...after];
  if (first === undefined) return [];
  // Failures first: where some of a name succeeded and some did not, they tell why.
  const culprits = after
    .filter((check) => !isSuccess(check))
    .sort((a, b) => Number(isFailure(b)) - Number(isFailure(a)));
  return Array.from({ length: count }, (_, index) => {
    const { status = "absent", errorMessage = "" } = culprits[index] ?? {};
    return { scenario, id: first.id, name: first.name, status, message: errorMessage };
  });
}

function groupByName(checks: readonly Check[]): Map<string, Check[]> {
  return Map.groupBy(checks, ({ id, name }) => JSON.stringify([id, name]));
}

function isSuccess({ status }: Check): boolean {
  return status === "SUCCESS";
}

function isFailure({ status }: Check): boolean {
  return status === "FAILURE";
}
