/**
 * Equality of values of known kinds. CEL says false of values of different kinds; to a condition that is no answer, since the server
 * may take `"true"` for `true` and `["prod"]` for `"prod"`. The rule is that of types at load (types.ts), null with anything included.
 */
import { type CelList, type CelMap, type CelValue, celType, isCelList, isCelMap, isCelUint } from "@bufbuild/cel";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

/** Whether two values are equal; undefined where they, or elements of theirs that decide it, are of kinds that never are. */
export function compare(one: CelValue, other: CelValue): boolean | undefined {
  if (one === null || other === null) return one === other;
  const kind = kindOf(one);
  if (kind !== kindOf(other)) return undefined;
  if (kind === "number") return isSameNumber(numberOf(one), numberOf(other));
  if (isCelList(one)) return compareLists(one, other as CelList);
  if (isCelMap(one)) return compareMaps(one, other as CelMap);
  if (one instanceof Uint8Array) return Buffer.compare(one, other as Uint8Array) === 0;
  if (typeof one !== "object") return one === other;
  if (!("message" in one)) return celNameOf(one) === celNameOf(other);
  const [left, right] = [one, other as typeof one].map(({ message }) => message as Timestamp | Duration);
  return left?.seconds === right?.seconds && left?.nanos === right?.nanos;
}

/**
 * Whether a value is among others.
 *
 * @returns undefined where it is not, and one of them, or all of them if the list is `mixed`, could never have been equal to it
 */
export function isAmong(value: CelValue, list: Iterable<CelValue>, mixed: boolean): boolean | undefined {
  let [comparable, different] = [0, 0];
  for (const each of list) {
    const same = compare(value, each);
    if (same === true) return true;
    if (same === false) comparable += 1;
    else different += 1;
  }
  return different > 0 && !(mixed && comparable > 0) ? undefined : false;
}

/** Numbers are one kind, whatever they are held in. */
export function kindOf(value: CelValue): string {
  if (typeof value === "number" || typeof value === "bigint" || isCelUint(value)) return "number";
  if (isCelList(value)) return "list";
  if (isCelMap(value)) return "map";
  return typeof value === "object" ? celType(value).name : typeof value;
}

/** @param value of the kind `number` */
export function numberOf(value: CelValue): number | bigint {
  return isCelUint(value) ? value.value : (value as number | bigint);
}

/** Whole numbers and doubles are ordered exactly, and no order holds for what is no number. */
function isSameNumber(one: number | bigint, other: number | bigint): boolean {
  return one <= other && one >= other;
}

function compareLists(one: CelList, other: CelList): boolean | undefined {
  if (one.size !== other.size) return false;
  const others = other[Symbol.iterator]();
  for (const each of one) {
    const same = compare(each, others.next().value as CelValue);
    if (same !== true) return same;
  }
  return true;
}

function compareMaps(one: CelMap, other: CelMap): boolean | undefined {
  if (one.size !== other.size) return false;
  for (const [key, value] of one) {
    const held = other.get(key);
    if (held === undefined) return false;
    const same = compare(value, held);
    if (same !== true) return same;
  }
  return true;
}

function celNameOf(value: CelValue): string | undefined {
  return (value as { readonly name?: string }).name;
}
