/**
 * Private names of classes as ordinary property names. On linked XS each method keeps a slot of 16 bytes in flash for every private name that
 * it uses, which is a sixth of an image; an ordinary name costs nothing there. What a private name is for, the compiler has checked before.
 *
 * Two things would differ and are refused: a class and its own subclass with the same private name, and `#name in object`.
 */
import { codeOf, splitSource } from "./source-text.ts";

/** Sources with `#name` written `_0`, `_1` and so on: the same name is the same everywhere, in the order in which they come. */
export class PrivateNames {
  #replacements = new Map<string, string>();

  /** `source`: JavaScript or TypeScript, as it stands. */
  replace(source: string): string {
    refuseBrandChecks(source);
    let result = "";
    for (const { text, kind } of splitSource(source)) {
      result +=
        kind === "code" ? text.replace(/#([A-Za-z_$][\w$]*)/g, (_, name: string) => this.#replacement(name)) : text;
    }
    return result;
  }

  #replacement(name: string): string {
    let replacement = this.#replacements.get(name);
    if (replacement === undefined) {
      replacement = `_${this.#replacements.size.toString(36)}`;
      this.#replacements.set(name, replacement);
    }
    return replacement;
  }
}

/** Classes of the sources that have a private name in common with the class that they extend: "Sub and Base: #name". */
export function inheritedPrivateNames(sources: readonly string[]): string[] {
  const classes = new Map<string, { base: string | undefined; names: Set<string> }>();
  for (const source of sources) {
    const code = codeOf(source);
    const heads = [...code.matchAll(/\bclass (\w+)(?:<[^{]*?>)?(?: extends (\w+))?/g)];
    heads.forEach((head, i) => {
      const body = code.slice(head.index, heads[i + 1]?.index);
      classes.set(head[1], { base: head[2], names: new Set(body.match(/#\w+/g) ?? []) });
    });
  }
  const found: string[] = [];
  for (const [name, { base: first, names }] of classes) {
    for (let base = first; base !== undefined && classes.has(base); base = classes.get(base)?.base) {
      for (const own of names) if (classes.get(base)?.names.has(own)) found.push(`${name} and ${base}: ${own}`);
    }
  }
  return found;
}

function refuseBrandChecks(source: string): void {
  const check = /#\w+ in \w/.exec(codeOf(source));
  if (check) throw new Error(`${check[0]}: a private name that is looked for cannot be replaced`);
}
