import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { sanitize } from "../../../../src/audit/sanitize/sanitize.ts";
import { showUnseen } from "../../../../src/audit/sanitize/text.ts";
import { ordinary } from "../../../fixtures/ordinary.ts";

/** Least share of ordinary values that go on record as they are. */
const floor = 0.99;

const seen = (value: unknown) => (typeof value === "string" ? showUnseen(value) : value);

test("ordinary data survives", () => {
  const values = Object.entries(ordinary).flatMap(([kind, members]) => members.map((value) => ({ kind, value })));
  const lost = values.filter(({ value }) => !isDeepStrictEqual(sanitize(value), seen(value)));
  const share = 1 - lost.length / values.length;
  const shown = lost.map(({ kind, value }) => `${kind}: ${JSON.stringify(sanitize(value))}`);
  const figure = `${(100 * share).toFixed(1)} % of ${values.length} survive`;
  expect(values.length).toBeGreaterThan(150);
  expect(share, [figure, ...shown].join("\n")).toBeGreaterThanOrEqual(floor);
});
