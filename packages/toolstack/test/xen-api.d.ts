declare module 'xen-api' {
  // The package has no types; what the tests use of it is loose on purpose.
  // oxlint-disable-next-line typescript/no-explicit-any
  export function createClient(options: Record<string, unknown>): any
}
