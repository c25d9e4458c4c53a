import { messageOf } from '@nixen/core'
import { readRuns } from '../runs.ts'
import type { FileSystemReader } from '../model.ts'
import { walkFiles, type FoundFile, type Walked } from '../tree.ts'

/** What goes into an archive. */
export interface ArchiveEntry {
  /** Relative, without `..`; a directory's without a slash at its end. */
  readonly name: string
  readonly kind: 'file' | 'directory' | 'link'
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Epoch milliseconds. */
  readonly modified: number
  /** What a link points to. */
  readonly target?: string | undefined
  /** Exactly `size` bytes. */
  readonly content: AsyncIterable<Uint8Array>
}

/** Name of the text that says what is not in the archive. */
export const unreadableName = 'NIXEN-UNREADABLE.txt'
/** Lines of it. */
const mostTold = 10_000

/**
 * Files and what is in them, for an archive. What cannot be read does not end it: it is left out, or filled up with zeros where its beginning was given
 * already, and named in a text at the end.
 */
export async function* archiveEntries(
  reader: FileSystemReader,
  files: readonly FoundFile[],
): AsyncGenerator<ArchiveEntry> {
  const problems: string[] = []
  const note = (path: string, why: string): void => {
    if (problems.length < mostTold) problems.push(`${path}: ${why}`)
  }
  for (const file of files) {
    // Names in the archive begin with what was asked for, not with the way to it.
    const parent = file.path.slice(0, file.path.lastIndexOf('/') + 1)
    for await (const walked of walkFiles(reader, file)) {
      if (walked.problem !== undefined) note(walked.path, walked.problem)
      else if (walked.node.kind === 'damaged') note(walked.path, walked.node.problem ?? 'it is damaged')
      else if (walked.node.kind === 'other') note(walked.path, 'it is a device, pipe or socket, which has no content')
      else {
        const name = walked.path.slice(parent.length).replace(/^\/+/, '')
        if (name === '') continue
        const entry = await entryOf(reader, walked, { name, note })
        if (entry) yield entry
      }
    }
  }
  if (problems.length > 0) yield textEntry(unreadableName, `${problems.join('\n')}\n`)
}

async function entryOf(
  reader: FileSystemReader,
  { path, node }: Walked,
  { name, note }: { name: string; note: (path: string, why: string) => void },
): Promise<ArchiveEntry | undefined> {
  const { kind, mode, uid = 0, gid = 0, modified = 0 } = node
  const common = { name, mode: mode ?? (kind === 'directory' ? 0o755 : 0o644), uid, gid, modified }
  if (kind === 'directory') return { ...common, kind, size: 0, content: nothing() }
  try {
    if (kind === 'link') return { ...common, kind, size: 0, target: await reader.target(node), content: nothing() }
    const parts = reader.content(node)[Symbol.asyncIterator]()
    // What fails at once is left out.
    const first = node.size === 0 ? undefined : await parts.next()
    const content = filled(first, parts, { size: node.size, failed: (why) => note(path, why) })
    return { ...common, kind: 'file', size: node.size, content }
  } catch (error) {
    note(path, messageOf(error))
    return undefined
  }
}

/** The content with its announced size, whatever comes. */
async function* filled(
  first: IteratorResult<Uint8Array> | undefined,
  rest: AsyncIterator<Uint8Array>,
  { size, failed }: { size: number; failed: (why: string) => void },
): AsyncGenerator<Uint8Array> {
  let given = 0
  try {
    for (let part = first; part && !part.done && given < size; part = given < size ? await rest.next() : undefined) {
      const bytes = part.value.subarray(0, size - given)
      given += bytes.length
      yield bytes
    }
  } catch (error) {
    failed(`from byte ${given} on zeros: ${messageOf(error)}`)
  } finally {
    await rest.return?.()
  }
  if (given < size) yield* readRuns(emptyDevice, [], size - given)
}

const emptyDevice = { where: '', size: 0, read: (): Promise<Buffer> => Promise.resolve(Buffer.alloc(0)) }

function textEntry(name: string, text: string): ArchiveEntry {
  const bytes = Buffer.from(text)
  const content = (async function* () {
    yield bytes
  })()
  return { name, kind: 'file', size: bytes.length, mode: 0o644, uid: 0, gid: 0, modified: 0, content }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
