/**
 * SenML (RFC 8428) of verified tokens: one pack, a JSON array, for each token.
 *
 *   [{"bn":"urn:dev:mac:<EUI-64>_","bt":<time of the first reading>,"n":"token","vs":"<SHA-256 of the token>"},
 *    {"n":"temperature","u":"Cel","v":21.3},{"n":"temperature","u":"Cel","v":21.4,"t":300}, ...]
 *
 * Names are device URNs (RFC 9039 4.1) with the field behind an underscore. Units that the SenML registry has as secondary ones only (RFC 8798 3)
 * are turned into the primary unit. A missing value has no record; a suspect one is followed by a record `<field>/suspect` with "vb":true.
 */
import { type Claims, readingTimeS } from "../../firmware/wire/eat-token.ts";
import { type Field, missingFlag, suspectFlag } from "../../firmware/wire/profile.ts";

/** Primary unit and factor, as [numerator, denominator], of the secondary units of RFC 8798 3 (dBm aside, which needs an offset). */
const SECONDARY_UNITS: { readonly [unit: string]: readonly [unit: string, numerator: number, denominator: number] } =
  Object.freeze({
    ms: ["s", 1, 1000],
    min: ["s", 60, 1],
    h: ["s", 3600, 1],
    MHz: ["Hz", 1_000_000, 1],
    kW: ["W", 1000, 1],
    kVA: ["VA", 1000, 1],
    kvar: ["var", 1000, 1],
    Ah: ["C", 3600, 1],
    Wh: ["J", 3600, 1],
    kWh: ["J", 3_600_000, 1],
    varh: ["vars", 3600, 1],
    kvarh: ["vars", 3_600_000, 1],
    kVAh: ["VAs", 3_600_000, 1],
    mV: ["V", 1, 1000],
    mA: ["A", 1, 1000],
    "ug/m3": ["kg/m3", 1, 1_000_000_000],
    "mm/h": ["m/s", 1, 3_600_000],
    "m/h": ["m/s", 1, 3600],
    ppm: ["/", 1, 1_000_000],
    "/100": ["/", 1, 100],
    "/1000": ["/", 1, 1000],
    hPa: ["Pa", 100, 1],
    mm: ["m", 1, 1000],
    cm: ["m", 1, 100],
    km: ["m", 1000, 1],
    "km/h": ["m/s", 10, 36],
  });

/** The pack of one token, or undefined when the node did not know the time: SenML cannot count from a boot. */
export function senmlPack(claims: Claims, devEui: string, tokenDigestHex: string): string | undefined {
  if (!claims.wallTime) return undefined;
  const { profile, columns, count } = claims;
  const t0 = readingTimeS(claims, 0);
  const records = [`{"bn":"urn:dev:mac:${devEui}_","bt":${t0},"n":"token","vs":"${tokenDigestHex}"}`];
  for (let f = 0; f < profile.fields.length; f++) {
    const field = profile.fields[f];
    const { unit, numerator, denominator } = primaryScale(field);
    for (let i = 0; i < count; i++) {
      const flagBits = columns[0][i];
      if ((flagBits & missingFlag(f)) !== 0) continue;
      const after = readingTimeS(claims, i) - t0;
      const time = after === 0 ? "" : `,"t":${after}`;
      const value = (columns[f + 1][i] * numerator) / denominator;
      records.push(`{"n":"${field.name}","u":"${unit}","v":${value}${time}}`);
      if ((flagBits & suspectFlag(profile, f)) !== 0) records.push(`{"n":"${field.name}/suspect","vb":true${time}}`);
    }
  }
  return `[${records.join(",")}]`;
}

/** value in `unit` = integer * numerator / denominator: both whole, so that one division gives the double nearest to the decimal. */
function primaryScale({ unit, scale }: Field): { unit: string; numerator: number; denominator: number } {
  const [primary, up, down] = SECONDARY_UNITS[unit] ?? [unit, 1, 1];
  const numerator = scale < 1 ? up : scale * up;
  return { unit: primary, numerator, denominator: scale < 1 ? Math.floor(1 / scale + 0.5) * down : down };
}
