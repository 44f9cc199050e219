/**
 * Puts constants where they are used. On linked XS a constant of a module keeps a slot, its name, and a slot more for each function that uses it;
 * a member of a frozen object keeps a slot and its name. A number in the code takes two to five bytes.
 *
 * Works on a bundle as esbuild prints it: a declaration a line, every name at the top level used once, `var` for what was `const`.
 */

/** Numbers, and what joins them: an x or an e belongs to a number, or it is a name. */
const ARITHMETIC = /^[-+~!(]*[\d.](?:[\d\s.+\-*/%()<>|&^~]|(?<=\d)e|(?<=\b0)x[\da-f]+)*$/i;
/** Behind the name of an object, whose name then stands for the object's members alone. */
const OWN = "$own";
/** A constant made of constants made of constants: three times is the most there is now. */
const MAX_ROUNDS = 8;

/** Returns the code without the constants. What their names were replaced by, the bundler does, which knows scopes. */
export async function inlineConstants(code: string): Promise<string> {
  const { build } = await import("esbuild");
  let result = code;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const define: Record<string, string> = {};
    const exported = exportedNames(result);
    const contents = takeObjects(takeNumbers(result, define, exported), define, exported);
    if (Object.keys(define).length === 0) return result;
    const built = await build({
      stdin: { contents, loader: "js" },
      define,
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      external: ["*"],
      logLevel: "silent",
    });
    result = built.outputFiles[0].text;
  }
  return result;
}

function takeNumbers(code: string, define: Record<string, string>, exported: ReadonlySet<string>): string {
  return code.replace(/^var (\w+) = ([^;\n]+);$/gm, (all, name: string, value: string) => {
    if (exported.has(name) || !ARITHMETIC.test(value)) return all;
    define[name] = literal(evaluate(value));
    return "";
  });
}

function takeObjects(code: string, define: Record<string, string>, exported: ReadonlySet<string>): string {
  const frozen = /^var (\w+) = (?:\/\* @__PURE__ \*\/ )?(Object\.freeze\(\{\n[\s\S]*?\n\}\));$/gm;
  return code.replace(frozen, (all, name: string, object: string) => {
    if (exported.has(name)) return all;
    let isConstant = false;
    for (const [, member, value] of object.matchAll(/^ {2}(\w+): ([^{[\n]+?),?$/gm)) {
      if (!ARITHMETIC.test(value)) continue;
      define[`${name}.${member}`] = literal(evaluate(value));
      isConstant = true;
    }
    if (!isConstant) return all;
    define[name] = `${name}${OWN}`;
    return `var ${name}${OWN} = /* @__PURE__ */ ${object};`;
  });
}

function exportedNames(code: string): Set<string> {
  const list = /^export \{\n([\s\S]*?)\n\};$/m.exec(code)?.[1] ?? "";
  return new Set([...list.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]));
}

function evaluate(arithmetic: string): number {
  return Function(`"use strict"; return ${arithmetic};`)() as number;
}

/** As a bundler's definition: a negative number is none, but it may be an object's member that does not change. */
function literal(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
