import { viewOf } from '@nixen/core'
import { chunk } from '../protocol.ts'
import type { SocketReader } from '../socket-reader.ts'
import { decodeText } from '../wire.ts'

/** One stretch of a block status: so many bytes with these flags. */
export interface StatusRun {
  readonly length: number
  readonly flags: number
}

/** What the server said was wrong with a request. */
export interface RemoteFailure {
  readonly errno: number
  readonly text: string
}

/** A request that waits for its reply. */
export interface Pending {
  readonly command: number
  readonly offset: number
  readonly length: number
  /** Where the data of a read goes. */
  readonly into: Uint8Array | undefined
  /** Runs of a block status, by number of the context. */
  readonly status: Map<number, StatusRun[]>
  /** Parts of a read that came, as pairs of start and end. */
  readonly ranges: [number, number][]
  failure: RemoteFailure | undefined
  /** Memory of the caller is in use: an abort has to wait. */
  busy: boolean
  aborted: boolean
  readonly settle: (error?: unknown) => void
}

/** More chunks than this for one request only come from a server that means harm. */
const maxChunks = 70_000
const maxErrorPayload = 64 * 1024

/**
 * Takes the payload of one chunk of a structured reply. Returns what is wrong with it, `'cut'` when the connection ended, or `undefined`.
 */
export async function takeChunk(
  reader: SocketReader,
  pending: Pending,
  header: { readonly type: number; readonly length: number },
): Promise<string | undefined> {
  const { type, length } = header
  if (pending.ranges.length > maxChunks) return 'a reply has too many parts'
  if (type === chunk.offsetData) return takeData(reader, pending, length)
  if (type === chunk.offsetHole) return takeHole(reader, pending, length)
  if (type === chunk.blockStatus) return takeStatus(reader, pending, length)
  if ((type & 0x8000) !== 0) return takeError(reader, pending, length)
  if (type !== chunk.none) return `a reply has an unknown part of type ${type}`
  return length === 0 ? undefined : 'an empty part of a reply has a payload'
}

async function takeData(reader: SocketReader, pending: Pending, length: number): Promise<string | undefined> {
  if (length <= 8 || length - 8 > pending.length) return `a data part has ${length} bytes`
  const head = await reader.read(8)
  if (!head) return 'cut'
  const start = readOffset(head) - pending.offset
  const problem = addRange(pending, start, length - 8)
  if (problem) return problem
  if (!pending.into || pending.aborted) return (await reader.skip(length - 8)) ? undefined : 'cut'
  pending.busy = true
  const whole = await reader.readInto(pending.into.subarray(start, start + length - 8))
  pending.busy = false
  return whole ? undefined : 'cut'
}

async function takeHole(reader: SocketReader, pending: Pending, length: number): Promise<string | undefined> {
  if (length !== 12) return `a hole part has ${length} bytes`
  const head = await reader.read(12)
  if (!head) return 'cut'
  const start = readOffset(head) - pending.offset
  const size = viewOf(head).getUint32(8)
  const problem = addRange(pending, start, size)
  if (problem) return problem
  if (!pending.aborted) pending.into?.fill(0, start, start + size)
  return undefined
}

async function takeStatus(reader: SocketReader, pending: Pending, length: number): Promise<string | undefined> {
  // 8 MiB is a run for each 4 KiB of 4 GiB.
  if (length < 12 || (length - 4) % 8 !== 0 || length > 8 * 1024 * 1024 + 4) return `a block status has ${length} bytes`
  const bytes = await reader.read(length)
  if (!bytes) return 'cut'
  const view = viewOf(bytes)
  const context = view.getUint32(0)
  if (pending.status.has(context)) return 'a block status came twice for one context'
  const runs: StatusRun[] = []
  for (let at = 4; at < length; at += 8) {
    const run = { length: view.getUint32(at), flags: view.getUint32(at + 4) }
    if (run.length === 0) return 'a block status has an empty extent'
    runs.push(run)
  }
  pending.status.set(context, runs)
  return undefined
}

async function takeError(reader: SocketReader, pending: Pending, length: number): Promise<string | undefined> {
  if (length < 6 || length > maxErrorPayload) return `an error part has ${length} bytes`
  const bytes = await reader.read(length)
  if (!bytes) return 'cut'
  const view = viewOf(bytes)
  const textLength = view.getUint16(4)
  if (textLength > length - 6) return 'the text of an error is cut off'
  pending.failure ??= { errno: view.getUint32(0), text: decodeText(bytes.subarray(6, 6 + textLength)) }
  return undefined
}

function readOffset(bytes: Uint8Array): number {
  const view = viewOf(bytes)
  // Beyond 2^53 it is out of every range, precise or not.
  return view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4)
}

function addRange(pending: Pending, start: number, length: number): string | undefined {
  if (length === 0) return 'a part of a reply is empty'
  if (start < 0 || start + length > pending.length) return 'a part of a reply is outside of what was asked for'
  pending.ranges.push([start, start + length])
  return undefined
}

/** Whether the parts of a read cover all of it, each byte once. */
export function coversAll(pending: Pending): boolean {
  let end = 0
  for (const [from, to] of pending.ranges.toSorted(([a], [b]) => a - b)) {
    if (from !== end) return false
    end = to
  }
  return end === pending.length
}
