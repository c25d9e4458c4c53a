import { inventoryTypes } from '@nixen/api'
import type { View } from './view.ts'

/** Objects that are written at a time: a few milliseconds of work, then others have their turn. */
const batch = 500

/** The text of a snapshot. What is in it is fixed when this is called: objects are replaced, never changed. */
export function writeSnapshot(view: View, at: number): AsyncIterable<string> {
  const { seq, objects } = view.snapshot()
  return chunks({ view: view.id, seq, at }, objects)
}

async function* chunks(
  head: object,
  objects: Readonly<Partial<Record<string, readonly object[]>>>,
): AsyncGenerator<string, void> {
  yield `${JSON.stringify(head).slice(0, -1)},"objects":{`
  for (const [index, type] of inventoryTypes.entries()) {
    yield `${index === 0 ? '' : ','}"${type}":[`
    const list = objects[type] ?? []
    for (let from = 0; from < list.length; from += batch) {
      const texts = list.slice(from, from + batch).map((object) => JSON.stringify(object))
      yield (from === 0 ? '' : ',') + texts.join(',')
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    yield ']'
  }
  yield '}}'
}
