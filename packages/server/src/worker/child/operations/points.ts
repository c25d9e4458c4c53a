import { decodeSnapshot, listFiles, loadSnapshot, readVm, type Repository } from '@nixen/backup'
import { isAppError, mapOrdered } from '@nixen/core'
import type { PointRecord } from '../../point-record.ts'
import type { OperationCode } from '../context.ts'
import { recordOf } from '../record-of.ts'
import { factsOf } from './simple.ts'

/** Points that are sent at a time. */
const pieceOfList = 500

/** Lists restore points that are not known yet, and which are there at all. One that is damaged is named, and does not hide the others. */
export const points: OperationCode<'points'> = async ({ known = [] }, { open, signal, send, progress }) => {
  const repository = await open()
  const old = new Set(known)
  const present: string[] = []
  for await (const { name } of repository.storage.list('snapshot', { signal })) present.push(name)
  const fresh = present.filter((name) => !old.has(name))
  const damaged: string[] = []
  let piece: PointRecord[] = []
  let done = 0
  const read = async (name: string) => ({ name, record: await readOne(repository, name, signal) })
  for await (const { name, record } of mapOrdered(fresh, repository.storage.properties.connections, read)) {
    if (record === 'damaged') damaged.push(name)
    else if (record !== 'gone') piece.push(record)
    progress({ phase: 'list', done: ++done, total: fresh.length, unit: 'items' })
    if (piece.length < pieceOfList) continue
    await send(piece)
    piece = []
  }
  if (piece.length > 0) await send(piece)
  return { facts: factsOf(repository), present, damaged }
}

async function readOne(
  repository: Repository,
  name: string,
  signal: AbortSignal,
): Promise<PointRecord | 'damaged' | 'gone'> {
  try {
    return recordOf(decodeSnapshot(name, await repository.loadUnpacked('snapshot', name, { signal })))
  } catch (error) {
    if (isAppError(error, 'storage.not_found')) return 'gone'
    if (isAppError(error, 'backup.file_damaged') || isAppError(error, 'storage.truncated')) return 'damaged'
    throw error
  }
}

/** What is in a restore point: its files, and how the VM was set up. */
export const content: OperationCode<'content'> = async ({ snapshot }, { openWithIndex, signal }) => {
  const repository = await openWithIndex()
  const point = await loadSnapshot(repository, snapshot, { signal })
  const files: { path: string; size: number }[] = []
  for await (const { path, type, size } of listFiles(repository, point, { signal })) {
    if (type === 'file') files.push({ path, size })
  }
  const vm = files.some(({ path }) => path === '/vm.json') ? { vm: await readVm(repository, point, { signal }) } : {}
  return { point: recordOf(point), files, ...vm }
}
