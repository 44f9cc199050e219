// What the boards' own host/provider.ts gives (ECMA-419 clause 15), beside the SDK's classes for the pins.

declare module "embedded:provider/builtin" {
  const device: import("../board.ts").Board;
  export default device;
}
