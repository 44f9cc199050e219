/** `npm test` runs reduced counts; `npm run test:long` (GROUNDTRUTH_LONG=1) the full ones. Both are seeded. */
export function counts(reduced: number, full: number): number {
  return process.env.GROUNDTRUTH_LONG ? full : reduced;
}
