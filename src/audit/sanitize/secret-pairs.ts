/** Members that name what another member of the same object holds: headers, environments, forms and patches are lists of such. Pure. */

/** The second spelling is that of CloudFormation; the last are those of forms. */
const naming = [/^(?:parameter)?name$/i, /^(?:parameter)?key$/i, /^(?:header|label|field|property|variable|id)$/i];
const holding = /^(?:parameter)?values?$/i;

/** Fields of forms, and of stores of parameters and secrets, that hide what is in them. */
const hiding = /^(?:password|securestring|concealed)$/i;

/** The longest name of such members. */
const longest = "parametervalues".length;

/** What holds something that other members name. */
export interface Pair {
  /** What those say of it. */
  readonly names: readonly string[];
  /** True for a member that holds it. */
  holds(member: string): boolean;
}

/**
 * Finds what one member of an object names and another one holds; null where there is no such thing.
 *
 * @param members names of all members
 * @param read gives the value of one
 */
export function findPair(members: readonly string[], read: (member: string) => unknown): Pair | null {
  if (members.some(isHolder)) {
    const named = naming.flatMap((form) => members.find((one) => one.length <= longest && form.test(one)) ?? []);
    const hides =
      read("sensitive") === true || readTexts(["type", "Type"], members, read).some((type) => hiding.test(type));
    const names = [...readTexts(named, members, read), ...readPlace(members, read), ...(hides ? ["secret"] : [])];
    return { names, holds: isHolder };
  }
  // What is typed in a browser, into what its user sees there.
  if (!members.includes("text")) return null;
  const names = readTexts(["element", "selector"], members, read);
  return names.length === 0 ? null : { names, holds: (member) => member === "text" };
}

function isHolder(member: string): boolean {
  return member.length <= longest && holding.test(member);
}

/** A patch (RFC 6902) says where, whose last step is the name; who fills in a form says in which field. */
function readPlace(members: readonly string[], read: (member: string) => unknown): string[] {
  const steps = readTexts(["path"], members, read).map((path) => path.slice(path.lastIndexOf("/") + 1));
  return [...steps, ...readTexts(["selector"], members, read)];
}

function readTexts(wanted: readonly string[], members: readonly string[], read: (member: string) => unknown): string[] {
  return wanted
    .filter((one) => members.includes(one))
    .map(read)
    .filter((value) => typeof value === "string");
}

const rawHeaders = /^(?:raw_?)?headers$/i;
/** Of two names none is the value of the other. */
const listsNames = /^(?:tags|labels|enum|required|fields|columns|keywords|topics|scopes)$/i;

/**
 * Whether an item of a list is the value of the one before: the second of two, and every second one of all headers in one list, as Node has them raw.
 *
 * @param of name of the member that holds the list
 */
export function isPaired(length: number, index: number, of: string): boolean {
  return length === 2 ? !listsNames.test(of) : index % 2 === 1 && rawHeaders.test(of);
}
