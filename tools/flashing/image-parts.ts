/** Where the flash of a linked image goes: what the SDK takes by itself, and the firmware's folders. */

export interface ImagePart {
  readonly name: string;
  readonly bytes: number;
}

export const SDK_PART = "XS and SDK";

/**
 * `sdkBytes`: the same image without the firmware. The rest is shared out by the code that the bundler left of each module: the linker keeps no
 * account by module, so these figures add up exactly and are each good to a few parts in a hundred.
 */
export function imageParts(totalBytes: number, sdkBytes: number, modules: ReadonlyMap<string, number>): ImagePart[] {
  const code = new Map<string, number>();
  let allCode = 0;
  for (const [module, bytes] of modules) {
    code.set(partOf(module), (code.get(partOf(module)) ?? 0) + bytes);
    allCode += bytes;
  }
  const parts = [{ name: SDK_PART, bytes: sdkBytes }];
  let left = totalBytes - sdkBytes;
  let codeLeft = allCode;
  for (const [name, bytes] of [...code].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const share = codeLeft === 0 ? 0 : Math.round((left * bytes) / codeLeft);
    parts.push({ name, bytes: share });
    left -= share;
    codeLeft -= bytes;
  }
  return parts;
}

/** firmware/core/lorawan/region/eu868 is of core/lorawan, firmware/wire/profiles/weather of wire. */
function partOf(module: string): string {
  const [, layer, second, third] = module.split("/");
  const isDivided = layer === "core" || layer === "drivers";
  return isDivided && third !== undefined ? `${layer}/${second}` : (layer ?? module);
}
