/** What boot tokens call this firmware: a test compares the version with the package's. */
export const FIRMWARE = Object.freeze({ name: "groundtruth", version: "0.1.0" });
