/**
 * CSV of verified tokens: one row a value, so that nodes of different profiles fit into one file. No cell can hold a comma or a quote: names
 * and units come from our own profiles.
 */
import { type Claims, readingTimeS } from "../../firmware/wire/eat-token.ts";
import { fieldValue, missingFlag, suspectFlag } from "../../firmware/wire/profile.ts";
import { timeSourceName } from "../../firmware/wire/time-quality.ts";
import { isoSeconds } from "./reading-output.ts";

export const CSV_HEADER = "time,uptime,boot,node,seq,index,field,value,unit,flag,timeSource,token\n";

/** The rows of one token: a missing value is an empty cell with the flag "missing". */
export function csvRows(claims: Claims, devEui: string, tokenDigestHex: string): string {
  const { profile, columns, wallTime, bootCount, seq } = claims;
  const end = `,${timeSourceName(claims.timeQuality)},${tokenDigestHex}\n`;
  let rows = "";
  for (let i = 0; i < claims.count; i++) {
    const atS = readingTimeS(claims, i);
    const begin = `${wallTime ? isoSeconds(atS) : ""},${wallTime ? "" : atS},${bootCount},${devEui},${seq},${i},`;
    for (let f = 0; f < profile.fields.length; f++) {
      const field = profile.fields[f];
      const missing = (columns[0][i] & missingFlag(f)) !== 0;
      const suspect = !missing && (columns[0][i] & suspectFlag(profile, f)) !== 0;
      const value = missing ? "" : `${fieldValue(field, columns[f + 1][i])}`;
      rows += `${begin}${field.name},${value},${field.unit},${missing ? "missing" : suspect ? "suspect" : ""}${end}`;
    }
  }
  return rows;
}
