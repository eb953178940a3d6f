/** Members that name what another member of the same object holds: headers, environments, forms and patches are lists of such. Pure. */

/** The second spelling is that of CloudFormation. */
const naming = [/^(?:parameter)?name$/i, /^(?:parameter)?key$/i, /^header$/i];
const holding = /^(?:parameter)?values?$/i;

/** The longest name of such members. */
const longest = "parametervalues".length;

/** True for the member that holds what another one names. */
export function isHolder(member: string): boolean {
  return member.length <= longest && holding.test(member);
}

/**
 * The name of what is held; null where no member says it.
 *
 * @param members names of all members
 * @param read gives the value of one
 */
export function readPairName(members: readonly string[], read: (member: string) => unknown): string | null {
  for (const form of naming) {
    const member = members.find((one) => one.length <= longest && form.test(one));
    const name = member === undefined ? undefined : read(member);
    if (typeof name === "string") return name;
  }
  // A patch (RFC 6902) says where, whose last step is the name; who fills in a form says in which field.
  const path = members.includes("path") ? read("path") : undefined;
  if (typeof path === "string") return path.slice(path.lastIndexOf("/") + 1);
  const selector = members.includes("selector") ? read("selector") : undefined;
  return typeof selector === "string" ? selector : null;
}
