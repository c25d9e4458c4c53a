import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { findSnapshot, listSnapshots, restorePointDisk, type Repository, type Snapshot } from '@nixen/backup'
import { MiB } from '@nixen/core'
import { TarStream, type DiskSource } from '@nixen/disk'
import { restoreState } from '@nixen/server'
import { print } from '../command.ts'
import { stateDirectory } from '../connect/state-directory.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { formatDate } from '../output/date.ts'
import type { RepoFlags } from '../repo/flags.ts'
import { openRepository } from '../repo/open.ts'
import type { StateFlags } from './backup.ts'

export interface RecoverFlags extends StateFlags, RepoFlags {
  readonly snapshot?: string
}

/** What metadata jobs store of Nixen itself: where, and as what. */
const statePath = '/nixen-state'
const stateFile = '/nixen-state.tar'

/** `nixen state recover`: from a repository and its password alone to a state that a server starts with. */
export async function recover(context: NixenContext, flags: RecoverFlags): Promise<void> {
  await using repository = await openRepository(context, flags)
  const { signal } = context
  const to = stateDirectory(context.process.env ?? {}, flags.state)
  const snapshot = await chooseState(repository, flags.snapshot, signal)
  await repository.loadIndex({ signal })
  const folder = await mkdtemp(join(tmpdir(), 'nixen-recover-'))
  try {
    await using file = await restorePointDisk(repository, { snapshot, path: stateFile, signal })
    await unpack(file, folder, signal)
    const made = await restoreState(join(folder, 'nixen-state'), to)
    print(context, flags, {
      json: { repository: repository.storage.properties.location, snapshot: snapshot.id, to, ...made },
      text: `Recovered the state of ${formatDate(made.created)} to ${to}. Start it with: nixen serve --state ${to}`,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The newest one, or the one that is named. */
async function chooseState(repository: Repository, name: string | undefined, signal: AbortSignal): Promise<Snapshot> {
  if (name !== undefined) return await findSnapshot(repository, name, { signal })
  const all = await listSnapshots(repository, { signal })
  const newest = all.findLast(({ paths }) => paths.includes(statePath))
  if (newest) return newest
  throw cliErrors.no_state({ location: repository.storage.properties.location })
}

/** Writes the files of the archive into a folder that only this user can open. */
async function unpack(file: DiskSource, folder: string, signal: AbortSignal): Promise<void> {
  await using tar = new TarStream(bytesOf(file, signal), stateFile)
  for (let entry = await tar.next(); entry; entry = await tar.next()) {
    const name = normalize(entry.name)
    if (entry.kind !== 'file' || name.startsWith('..') || name.startsWith('/')) continue
    const target = join(folder, name)
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    await pipeline(Readable.from(tar.content()), createWriteStream(target, { mode: 0o600 }), { signal })
  }
}

async function* bytesOf(file: DiskSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += MiB) {
    const part = new Uint8Array(Math.min(MiB, file.size - at))
    await file.read(at, part, { signal })
    yield part
  }
}
