/** From what a user writes after --port to a link: rfc2217://HOST:PORT, or a serial port of this machine. */
import { NativeLink } from "./native-link.ts";
import { Rfc2217Link } from "./rfc2217-link.ts";
import { SerialError, type SerialLink } from "./serial-link.ts";

const SCHEME = "rfc2217:";

/** The link that a name means. Throws a SerialError for a name that means none; opens nothing. */
export function createLink(name: string): SerialLink {
  if (!name.startsWith(SCHEME)) {
    if (name === "" || /^[a-z][a-z0-9+.-]*:\/\//i.test(name)) throw badName(name);
    return new NativeLink(name);
  }
  let url: URL;
  try {
    // A scheme that URL knows makes it read host and port as such, IPv6 included.
    url = new URL(name.replace(SCHEME, "http:"));
  } catch {
    throw badName(name);
  }
  // Port 80 is the one that URL leaves out for this scheme.
  const port = Number(url.port || (/:80(\/|\?|$)/.test(name) ? 80 : 0));
  if (!name.startsWith(`${SCHEME}//`) || url.hostname === "" || port === 0) throw badName(name);
  return new Rfc2217Link(url.hostname.replace(/^\[|\]$/g, ""), port);
}

function badName(name: string): SerialError {
  return new SerialError(
    "bad-name",
    `"${name}" is no serial port`,
    "write rfc2217://HOST:PORT, or a device as /dev/ttyUSB0 or COM3",
  );
}
