import { dumpPoolDatabase } from '@nixen/xapi'
import type { ProtectContext, Stoppable } from './context.ts'

/** The pool's database as XML, in the form that `PUT /pool/xmldbdump` takes back. */
export async function* poolMetadata(
  { xapi }: ProtectContext,
  translate: (error: unknown) => unknown,
  { signal }: Stoppable = {},
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* dumpPoolDatabase(xapi, { signal })
  } catch (error) {
    throw translate(error)
  }
}
