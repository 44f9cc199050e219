// The engine's own words, and what C gives to JavaScript: `class X extends Native("destructor")`, `native("function").call(this, ...)`.

/** The base class of objects with native data; `destructor` names the C function that frees it. */
declare function Native(destructor: string): new () => object;

/** The C function of that name. */
declare function native(name: string): { call(self: unknown, ...values: unknown[]): unknown };
