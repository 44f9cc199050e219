/** MQTT 3.1.1 topic names and filters (clauses 4.7.1 to 4.7.3). */

/** The most bytes a topic may have here; MQTT itself allows 65,535. */
const MAX_TOPIC_LENGTH = 512;

/** True for a name that one may publish to: not empty, no wildcard, no NUL. */
export function isTopicName(topic: string): boolean {
  if (topic.length === 0 || topic.length > MAX_TOPIC_LENGTH) return false;
  return !topic.includes("+") && !topic.includes("#") && !topic.includes("\0");
}

/** True for a filter that one may subscribe to: `+` and `#` stand alone in their level, `#` in the last one. */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > MAX_TOPIC_LENGTH || filter.includes("\0")) return false;
  const levels = filter.split("/");
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i];
    if (level === "+") continue;
    if (level === "#" && i === levels.length - 1) continue;
    if (level.includes("+") || level.includes("#")) return false;
  }
  return true;
}

/** True when a message on `topic` goes to subscribers of `filter`. */
export function topicMatches(filter: string, topic: string): boolean {
  // 4.7.2: a wildcard in the first level does not match topics of the server's own, which begin with $.
  if (topic[0] === "$" && (filter[0] === "+" || filter[0] === "#")) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (let i = 0; i < wanted.length; i++) {
    // 4.7.1.2: "sport/#" also matches "sport" itself.
    if (wanted[i] === "#") return true;
    if (i >= levels.length) return false;
    if (wanted[i] !== "+" && wanted[i] !== levels[i]) return false;
  }
  return wanted.length === levels.length;
}
