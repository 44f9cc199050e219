/** Just enough SVG for charts: elements as text, coordinates with two decimals at most, so that equal charts are equal bytes. */

type Attributes = Record<string, string | number | undefined>;

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A coordinate as it is written. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** An element; attributes that are undefined are left out, `children` are elements already. */
export function element(name: string, attributes: Attributes, children = ""): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? coordinate(value) : escapeXml(String(value))}"`)
    .join("");
  return children === "" ? `<${name}${list}/>` : `<${name}${list}>${children}</${name}>`;
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escapeXml(content));
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return element("line", { x1, y1, x2, y2, ...attributes });
}

/** A path through points. */
export function polyline(points: readonly (readonly [number, number])[], attributes: Attributes): string {
  const d = points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${coordinate(x)} ${coordinate(y)}`).join("");
  return element("path", { d, fill: "none", ...attributes });
}

/** A logarithmic scale from values to coordinates. */
export interface Scale {
  from: number;
  to: number;
  at(value: number): number;
}

export function logScale(from: number, to: number, start: number, end: number): Scale {
  const [low, high] = [Math.log(from), Math.log(to)];
  return { from, to, at: (value) => start + ((Math.log(value) - low) / (high - low)) * (end - start) };
}

/** 1, 2 and 5 times powers of ten within a scale. */
export function logTicks({ from, to }: Scale): number[] {
  const ticks: number[] = [];
  for (let exponent = Math.floor(Math.log10(from)); exponent <= Math.ceil(Math.log10(to)); exponent++) {
    for (const factor of [1, 2, 5]) {
      // A power of ten below one is a quotient, so that 0.2 is 0.2.
      const tick = exponent < 0 ? factor / 10 ** -exponent : factor * 10 ** exponent;
      if (tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return ticks;
}
