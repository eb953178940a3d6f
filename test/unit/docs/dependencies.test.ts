import { describe, expect, it } from "vitest";
import { manifest, readText } from "../deploy/repository.ts";

const page = readText("docs/dependencies.md");
const lock = JSON.parse(readText("package-lock.json")) as {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly hasInstallScript?: boolean }>>;
};

/** First cells of the table under a heading. */
function listed(heading: string): string[] {
  const [, section = ""] = page.split(`\n## ${heading}\n`);
  const [body = ""] = section.split("\n## ");
  return [...body.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
}

describe("docs/dependencies.md", () => {
  it.each([
    { heading: "What ships", packages: manifest.dependencies },
    { heading: "What only development needs", packages: manifest.devDependencies },
  ])("$heading: lists what package.json has, and nothing else", ({ heading, packages }) => {
    expect(listed(heading).sort()).toEqual(Object.keys(packages).sort());
  });

  it("says how many packages ship", () => {
    const words = [
      "fifteen",
      "sixteen",
      "seventeen",
      "eighteen",
      "nineteen",
      "twenty",
      "twenty-one",
      "twenty-two",
      "twenty-three",
      "twenty-four",
      "twenty-five",
    ];
    expect(page).toMatch(new RegExp(`^${words[Object.keys(manifest.dependencies).length - 15]} packages ship`, "im"));
  });

  it("is right that every version is exact", () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    for (const version of versions) expect(version).toMatch(/^(?:npm:@[\w-]+\/[\w-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/);
  });

  it("is right about install scripts", () => {
    const scripted = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const shipping = scripted.filter(([, { dev }]) => dev !== true);
    expect(shipping.map(([path]) => path)).toEqual([]);
    // Optional file watchers of other platforms may have one; of what is named here, only `node`.
    const named = scripted
      .map(([path]) => path.replace("node_modules/", ""))
      .filter((name) => name in manifest.devDependencies);
    expect(named).toEqual(["node"]);
  });

  it.each(["http-proxy", "ip-range-check", "express"])("is right that %s does not ship by our choice", (name) => {
    expect(manifest.dependencies).not.toHaveProperty(name);
    expect(page).toContain(`**\`${name}\`**`);
  });
});
