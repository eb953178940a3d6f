const ofPolicies = ["roles", "bindings"];
const ofOthers = ["publicUrl", "servers", "identities", "requests", "tests"];

/** Whether a file is a policy that was named where another kind of file belongs. */
export function isPolicy(value: unknown): boolean {
  const has = (key: string) => Object.hasOwn(Object(value), key);
  return ofPolicies.some(has) && !ofOthers.some(has);
}
