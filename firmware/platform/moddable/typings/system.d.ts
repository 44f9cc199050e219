// The SDK's module "system" puts this object into the global scope (modules/io/system/system.js).

declare const System: {
  /** Asks the name servers that DHCP gave. `address` is undefined when there is no answer. */
  resolve(host: string, callback: (host: string, address: string | undefined) => void): void;
};
