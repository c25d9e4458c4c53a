import { procedures } from '../generated/procedures.ts'
import type { CallOptions, Rpc } from '../rpc/rpc.ts'
import type { Procedure } from '../wire/procedure.ts'

type Procedures = typeof procedures
type CallOf<P> =
  P extends Procedure<infer A, infer R>
    ? [A] extends [undefined]
      ? (options?: CallOptions) => Promise<R>
      : (args: A, options?: CallOptions) => Promise<R>
    : never

/** A function for each procedure: arguments as an object, where it has any, then options. */
export type Calls = { readonly [K in keyof Procedures]: CallOf<Procedures[K]> }

export function createCalls(rpc: Rpc): Calls {
  const entries = Object.entries(procedures).map(([name, one]) => {
    // Each codec writes the arguments of its own procedure, which `Calls` demands.
    const procedure = one as Procedure
    const call = procedure.args
      ? async (args: unknown, options?: CallOptions) => await rpc.call(procedure, args, options)
      : async (options?: CallOptions) => await rpc.call(procedure, undefined, options)
    return [name, call] as const
  })
  // One for each key of the table.
  return Object.fromEntries(entries) as unknown as Calls
}
