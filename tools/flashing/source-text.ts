/** JavaScript and TypeScript as text: what is code, and what only looks like it. */

export interface Piece {
  readonly kind: "code" | "text" | "comment";
  readonly text: string;
}

/** Divides a source. What stands in `${}` of a template is code; regular expressions are, too. */
export function splitSource(source: string): Piece[] {
  const pieces: Piece[] = [];
  const notCode = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/g;
  let end = 0;
  for (const match of source.matchAll(notCode)) {
    const [text] = match;
    pieces.push({ kind: "code", text: source.slice(end, match.index) });
    end = match.index + text.length;
    if (text.startsWith("`")) pieces.push(...splitTemplate(text));
    else pieces.push({ kind: text.startsWith("/") ? "comment" : "text", text });
  }
  pieces.push({ kind: "code", text: source.slice(end) });
  return pieces;
}

/** The code of a source alone. */
export function codeOf(source: string): string {
  return join(splitSource(source).filter(({ kind }) => kind === "code"));
}

/** A source without its comments. */
export function withoutComments(source: string): string {
  return join(splitSource(source).filter(({ kind }) => kind !== "comment"));
}

function splitTemplate(template: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const hole of template.matchAll(/\$\{[^}]*\}/g)) {
    pieces.push({ kind: "text", text: template.slice(end, hole.index) }, { kind: "code", text: hole[0] });
    end = hole.index + hole[0].length;
  }
  pieces.push({ kind: "text", text: template.slice(end) });
  return pieces;
}

function join(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join("");
}
