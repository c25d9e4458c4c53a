import { fileErrors } from './errors.ts'
import type { FileSystemReader } from './model.ts'

/**
 * A reader whose errors are sentences: a number of the disk that leads out of a block makes Node throw a `RangeError`, which means that the disk is
 * damaged. What comes from elsewhere (the repository, a signal) stays what it is.
 */
export function guarded(reader: FileSystemReader, where: string): FileSystemReader {
  const { kind, name, label, uuid, size, free, warnings, ignoresCase, root } = reader
  return {
    kind,
    name,
    label,
    uuid,
    size,
    free,
    warnings,
    ignoresCase,
    root,
    node: (id) => told(where, async () => await reader.node(id)),
    target: (link) => told(where, async () => await reader.target(link)),
    names: (directory) => toldEach(where, reader.names(directory)),
    content: (file) => toldEach(where, reader.content(file)),
  }
}

/** Does it, with errors as sentences. */
export async function told<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw sentence(error, where)
  }
}

async function* toldEach<T>(where: string, items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch (error) {
    throw sentence(error, where)
  }
}

function sentence(error: unknown, where: string): unknown {
  // Both are what impossible numbers lead to.
  const isBound = error instanceof RangeError || error instanceof TypeError
  return isBound ? fileErrors.damaged({ where, what: 'a number in it leads nowhere' }, { cause: error }) : error
}
