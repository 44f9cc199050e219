/**
 * A board's wiring as SVG, drawn from its pins: the processor on the left, what hangs on it on the right, each wire a straight line between a
 * GPIO number and the name at its other end. The same pins give the same bytes.
 */
import { type BoardPins, type Wire, wiresOf } from "./board-pins.ts";
import type { BoardFacts } from "./boards.ts";

const WIDTH = 860;
const MARGIN = 24;
const BLOCK_WIDTH = 270;
const LEFT = MARGIN + 16;
const RIGHT = WIDTH - MARGIN - 16 - BLOCK_WIDTH;
const ROW = 26;
const HEAD = 54;
const GAP = 18;
const TOP = 84;
const FOOT = 14;

interface Row {
  /** GPIO number, or what a supply is called. */
  readonly at: string;
  readonly signal: string;
  readonly isSupply: boolean;
}

interface Block {
  readonly title: string;
  readonly place: string;
  readonly color: string;
  readonly rows: readonly Row[];
  readonly remarks: readonly string[];
  readonly hasAntenna: boolean;
}

/** A radio module that leaves a choice ("A or B") is one that the owner wires. */
export function boardPicture(facts: BoardFacts, pins: BoardPins): string {
  const blocks = blocksOf(facts, pins);
  const drawn: string[] = [];
  let y = TOP;
  for (const block of blocks) {
    drawn.push(drawBlock(block, y));
    y += heightOf(block) + GAP;
  }
  const bottom = y - GAP;
  const height = bottom + MARGIN + 10;
  const title = `Wiring of ${facts.title}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t d" font-family="Inter, Segoe UI, Helvetica, Arial, sans-serif">`,
    `<title id="t">${escapeXml(title)}</title>`,
    `<desc id="d">${escapeXml(describe(pins))}</desc>`,
    `<rect width="${WIDTH}" height="${height}" rx="14" fill="#fbfaf7"/>`,
    `<text x="${MARGIN + 16}" y="44" font-size="21" font-weight="600" fill="#1f2933">${escapeXml(facts.title)}</text>`,
    `<text x="${MARGIN + 16}" y="65" font-size="12.5" fill="#66727f">GPIO numbers on the left, names of the other side on the right</text>`,
    processor(facts, TOP, bottom),
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function blocksOf(facts: BoardFacts, pins: BoardPins): Block[] {
  const wires = wiresOf(pins);
  const rows = (part: Wire["part"]): Row[] =>
    wires
      .filter((wire) => wire.part === part)
      .map(({ signal, pin }) => ({ at: `GPIO ${pin}`, signal, isSupply: false }));
  const suppliesFrom = (at: string): Row[] => [
    { at, signal: "VCC", isSupply: true },
    { at: "GND", signal: "GND", isSupply: true },
  ];
  const blocks: Block[] = [];
  const { radio, battery, sensorSupply } = pins;
  if (radio) {
    const isWired = (facts.radioModule ?? "").includes(" or ");
    blocks.push({
      title: (radio.chip ?? "sx1262").toUpperCase(),
      place: isWired ? "to be wired" : (facts.radioModule ?? "").replace(/^\S+ /, ""),
      color: "#3b6ea8",
      rows: isWired ? [...rows("radio"), ...suppliesFrom("3V3")] : rows("radio"),
      remarks: isWired ? [facts.radioModule ?? "", ...radioRemarks(pins)] : radioRemarks(pins),
      hasAntenna: true,
    });
  }
  blocks.push({
    title: "Sensors",
    place: "I2C: SHT4x at 0x44, BMP280 at 0x76",
    color: "#2f7d5b",
    rows: [
      ...rows("sensors").filter(({ signal }) => signal !== "supply"),
      ...suppliesFrom(sensorSupply === undefined ? "3V3" : "switched 3V3"),
    ],
    remarks: sensorSupply === undefined ? [] : [`supplied while GPIO ${sensorSupply.pin} is ${level(sensorSupply.on)}`],
    hasAntenna: false,
  });
  if (battery) {
    blocks.push({
      title: "Battery",
      place: "on the board",
      color: "#b7791f",
      rows: rows("battery"),
      remarks: [
        `divided by ${battery.divider}`,
        ...(battery.enable ? [`connected while GPIO ${battery.enable.pin} is ${level(battery.enable.on)}`] : []),
      ],
      hasAntenna: false,
    });
  }
  blocks.push({
    title: "Console",
    place: "UART, 115,200 baud",
    color: "#6b5b95",
    rows: rows("console").map((row) => ({
      ...row,
      signal: row.signal === "TX" ? "the node writes" : "the node reads",
    })),
    remarks: [],
    hasAntenna: false,
  });
  return blocks;
}

function radioRemarks({ radio }: BoardPins): string[] {
  if (radio === undefined) return [];
  const remarks: string[] = [];
  if (radio.tcxoVoltage !== undefined) remarks.push(`TCXO of ${radio.tcxoVoltage} V on its DIO3`);
  else remarks.push("crystal");
  if (radio.dio2AsRfSwitch) remarks.push("its DIO2 drives the antenna switch");
  if (radio.rfSwitch?.receive !== undefined) remarks.push("RXEN is high to listen");
  return remarks;
}

function heightOf(block: Block): number {
  return HEAD + block.rows.length * ROW + block.remarks.length * 18 + FOOT;
}

function processor(facts: BoardFacts, top: number, bottom: number): string {
  const middle = (top + bottom) / 2;
  return [
    `<rect x="${LEFT}" y="${top}" width="${BLOCK_WIDTH}" height="${bottom - top}" rx="10" fill="#263340"/>`,
    `<text x="${LEFT + 24}" y="${middle - 4}" font-size="22" font-weight="600" fill="#ffffff">${chipName(facts.chip)}</text>`,
    `<text x="${LEFT + 24}" y="${middle + 18}" font-size="13" fill="#b8c4cf">${facts.flashMb} MB of flash</text>`,
  ].join("\n");
}

function drawBlock(block: Block, top: number): string {
  const height = heightOf(block);
  const lines = [
    `<rect x="${RIGHT}" y="${top}" width="${BLOCK_WIDTH}" height="${height}" rx="10" fill="#ffffff" stroke="${block.color}" stroke-width="1.5"/>`,
    `<text x="${RIGHT + 18}" y="${top + 25}" font-size="16" font-weight="600" fill="${block.color}">${escapeXml(block.title)}</text>`,
    `<text x="${RIGHT + 18}" y="${top + 42}" font-size="11.5" fill="#66727f">${escapeXml(block.place)}</text>`,
  ];
  if (block.hasAntenna) lines.push(antenna(RIGHT + BLOCK_WIDTH - 34, top + 12, block.color));
  block.rows.forEach((row, i) => {
    const y = top + HEAD + i * ROW + ROW / 2;
    const color = row.isSupply ? (row.at === "GND" ? "#4a4a4a" : "#c0392b") : block.color;
    const from = LEFT + BLOCK_WIDTH;
    lines.push(
      `<line x1="${from}" y1="${y}" x2="${RIGHT}" y2="${y}" stroke="${color}" stroke-width="2"/>`,
      `<circle cx="${from}" cy="${y}" r="4" fill="${color}" stroke="#fbfaf7"/>`,
      `<circle cx="${RIGHT}" cy="${y}" r="4" fill="${color}" stroke="#fbfaf7"/>`,
      `<text x="${from - 14}" y="${y + 4.5}" font-size="13" text-anchor="end" fill="#ffffff">${row.at}</text>`,
      `<text x="${RIGHT + 18}" y="${y + 4.5}" font-size="13" fill="#1f2933">${escapeXml(row.signal)}</text>`,
    );
  });
  const below = top + HEAD + block.rows.length * ROW + 12;
  block.remarks.forEach((remark, i) => {
    lines.push(
      `<text x="${RIGHT + 18}" y="${below + i * 18}" font-size="11.5" font-style="italic" fill="#66727f">${escapeXml(remark)}</text>`,
    );
  });
  return lines.join("\n");
}

function antenna(x: number, y: number, color: string): string {
  return `<path d="M${x} ${y} h16 l-8 12 z M${x + 8} ${y + 12} v16" fill="none" stroke="${color}" stroke-width="1.5"/>`;
}

function describe(pins: BoardPins): string {
  const wires = wiresOf(pins).map(({ part, signal, pin }) => `${part} ${signal} on GPIO ${pin}`);
  return `${wires.join(", ")}.`;
}

function level(on: 0 | 1): string {
  return on === 0 ? "low" : "high";
}

/** "esp32c3" as its maker writes it. */
export function chipName(chip: string): string {
  return chip === "esp32" ? "ESP32" : `ESP32-${chip.slice("esp32".length).toUpperCase()}`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
