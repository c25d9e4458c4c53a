import { anySignal } from '@nixen/core'
import type { CheckResult } from '../check/check.ts'
import { lockRepository } from '../lock/lock.ts'
import { Bitmap } from '../prune/bitmap.ts'
import { rewriteIndex } from '../prune/execute-prune.ts'
import { repack } from '../prune/repack.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'

export interface SalvageResult {
  /** Packs that no index names any more. The files stay until the next prune. */
  readonly packs: readonly string[]
  /** Blobs that were copied out of them. */
  readonly saved: number
  /** Blobs that could not be. A later backup that comes upon the same content stores it again. */
  readonly lost: number
}

/**
 * Takes damaged packs, as a check found them, out of the index, after copying every blob that is whole into new packs. So no later backup relies on
 * a damaged blob.
 *
 * Errors: `backup.repository_locked`, storage's; nothing is out of the index then.
 */
export async function salvagePacks(
  repository: Repository,
  { findings }: Pick<CheckResult, 'findings'>,
  options: SignalOption & { wait?: number } = {},
): Promise<SalvageResult> {
  repository.assertWritable()
  await using lock = await lockRepository(repository, {
    exclusive: true,
    wait: options.wait ?? 0,
    signal: options.signal,
  })
  const signal = anySignal(options.signal, lock.signal)
  const blobIndex = await repository.loadIndex({ signal })
  const indexed = new Set(blobIndex.packs)
  const { damaged, bad } = damagedPacks(findings)
  const packs = [...damaged].filter((pack) => indexed.has(pack))
  if (packs.length === 0) return { packs, saved: 0, lost: 0 }
  const going = new Set(packs)
  const good = new Bitmap(blobIndex.size)
  let lost = 0
  for (let entry = 0; entry < blobIndex.size; entry++) {
    const { pack, type, id } = blobIndex.location(entry)
    if (!going.has(pack)) continue
    if (bad.has(`${type}:${id} ${pack}`)) lost++
    else good.add(entry)
  }
  const index = repository.indexWriter({ signal })
  await repack({ repository, used: good, index }, packs, { signal })
  const obsolete = await rewriteIndex({ repository, index }, going, { signal, progress: () => undefined })
  await lock.assertHeld()
  for (const name of obsolete) await repository.storage.remove({ kind: 'index', name }, { signal })
  await repository.loadIndex({ signal })
  return { packs, saved: good.count, lost }
}

/** Packs that are there in part or damaged, and the copies of blobs in them that are bad. */
function damagedPacks(findings: CheckResult['findings']): { damaged: Set<string>; bad: Set<string> } {
  const damaged = new Set<string>()
  const bad = new Set<string>()
  for (const { severity, problem, file, blobs } of findings) {
    if (severity !== 'error' || file?.kind !== 'data' || problem === 'index_differs') continue
    damaged.add(file.name)
    for (const blob of blobs) bad.add(`${blob} ${file.name}`)
  }
  return { damaged, bad }
}
