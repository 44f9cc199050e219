/** An entry that imports nothing: what a linked image takes before the project's own modules are in it. */
export default function nothing(): number {
  return 0;
}
