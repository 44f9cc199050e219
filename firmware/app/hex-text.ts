/** Lower-case hex, as in every topic and file name. */
export function hexText(bytes: Uint8Array): string {
  const digits = "0123456789abcdef";
  let text = "";
  for (const byte of bytes) text += digits[byte >>> 4] + digits[byte & 15];
  return text;
}
