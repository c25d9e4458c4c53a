import { parseId } from '@nixen/api'
import { connect } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { callList, callOperation } from '../api/call.ts'
import { answerOf, listOf } from '../api/shape.ts'

/** A shell waits no longer for names, milliseconds. */
const patience = 1500
const most = 200

/** Names of objects of a type that begin with what was typed, asked from the server. None when it does not answer at once. */
export async function proposeNames(context: NixenContext, type: string, partial: string): Promise<readonly string[]> {
  const operation = listOf(type)
  if (!operation) return []
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patience)])
  try {
    const client = await connect(context, {})
    const answer = answerOf(operation.endpoint)
    const isQueried = answer.kind === 'list' && answer.paged && parseId(`${type}.a.a`) !== undefined
    const listed = isQueried
      ? await callList(client, operation, partial === '' ? {} : { q: startsWith(partial) }, { limit: most, signal })
      : await callOperation(client, operation, {}, { signal })
    // Both are lists, by `answerOf`.
    const { items } = listed as { readonly items: readonly { readonly id: string; readonly name?: string }[] }
    return items.map(({ id, name }) => name ?? id).filter((name) => name.startsWith(partial))
  } catch {
    // Somebody who presses Tab wants no error.
    return []
  }
}

function startsWith(text: string): string {
  return `name:"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
