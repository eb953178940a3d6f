import { expect, it } from "vitest";
import { canPay, evaluateWithin, fillLargePurse, fillPurse, pay } from "../../../src/policy/condition/purse.ts";

it("what nobody gave a purse to pays for nothing", () => {
  expect(() => pay(1)).toThrow(RangeError);
  expect(canPay(1)).toBe(false);
});

it.each<[string, number, number[], string | undefined]>([
  ["nothing", 5, [], "done"],
  ["all there is", 5, [5], "done"],
  ["all there is, by and by", 5, [2, 3], "done"],
  ["more than there is", 5, [5.5], undefined],
  ["more than there is, by and by", 5, [2, 3, 1], undefined],
])("spends %s", (_case, left, costs, result) => {
  const spend = () => {
    expect(canPay(left)).toBe(true);
    expect(canPay(left + 1)).toBe(false);
    for (const cost of costs) pay(cost);
    return "done";
  };
  expect(evaluateWithin({ left }, spend)).toBe(result);
});

it("lasts ten times as long for many questions at once, and no longer", () => {
  const { left } = fillPurse();
  expect(evaluateWithin(fillPurse(), () => pay(left) ?? "done")).toBe("done");
  expect(evaluateWithin(fillPurse(), () => pay(left + 1) ?? "done")).toBeUndefined();
  expect(evaluateWithin(fillLargePurse(), () => pay(10 * left) ?? "done")).toBe("done");
  expect(evaluateWithin(fillLargePurse(), () => pay(10 * left + 1) ?? "done")).toBeUndefined();
});

it("does not forget what was too much where the error of it is absorbed", () => {
  let said: unknown;
  const absorb = () => {
    try {
      pay(6);
    } catch (error) {
      said = error;
    }
    return "done";
  };
  expect(evaluateWithin({ left: 5 }, absorb)).toBeUndefined();
  expect(said).toEqual(new RangeError("the condition costs too much"));
});
