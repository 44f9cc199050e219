import assert from "node:assert/strict";
import { inlineConstants } from "../../../../tools/flashing/constants.ts";

describe("constants where they are used", () => {
  /** Without what a bundler may print otherwise. */
  async function inlined(code: string): Promise<string> {
    return (await inlineConstants(code)).replace(/^\/\/.*\n/gm, "").replace(/^export \{[^}]*\};\n/m, "");
  }

  it("a number, and a number made of numbers, several steps deep", async () => {
    const code = "var a = 2;\nvar b = a + 0x10;\nvar c = (b << 1) - 1e1;\nexport function f() {\n  return c;\n}\n";
    assert.equal(await inlined(code), "function f() {\n  return 26;\n}\n");
  });

  it("a negative number and a fraction", async () => {
    assert.equal(
      await inlined("var a = -1.5;\nexport function f(x) {\n  return x * a;\n}\n"),
      "function f(x) {\n  return x * -1.5;\n}\n",
    );
  });

  it("a member of a frozen object; the object stays where it is used itself", async () => {
    const object = "var o = Object.freeze({\n  one: 1,\n  two: 1 + 1,\n  list: [1]\n});\n";
    const members = await inlined(`${object}export function f() {\n  return o.one + o.two;\n}\n`);
    assert.match(members, /return 1 \+ 2;/);
    // The bundler's last step takes away what nothing uses.
    assert.equal(members.split("o$own").length, 2);
    const whole = await inlined(`${object}export function f(k) {\n  return o[k] + o.two + o.list[0];\n}\n`);
    assert.match(whole, /Object\.freeze\(\{/);
    assert.match(whole, /return o\$own\[k\] \+ 2 \+ o\$own\.list\[0\]/);
  });

  it("a name that is another one's in a function is left alone", async () => {
    const code = "var a = 5;\nexport function f(a2, g) {\n  const h = (a) => a + 1;\n  return h(a2) + a;\n}\n";
    assert.match(await inlined(code), /=> a\d? \+ 1;\n {2}return h\(a2\) \+ 5;/);
  });

  it("what is no number, what is exported, and what only looks like a number stays", async () => {
    for (const code of [
      'var a = "1";\nexport function f() {\n  return a;\n}\n',
      "var a = [1];\nexport function f() {\n  return a;\n}\n",
      "var e = f();\nvar b = 1 + e;\nfunction f() {\n  return 1;\n}\nexport function g() {\n  return b;\n}\n",
    ])
      assert.match(await inlined(code), /^var /m);
    assert.match(await inlineConstants("var a = 1;\nexport {\n  a\n};\n"), /var a = 1/);
  });
});
