import type { JobId, Point, RepositoryId, RunDetail, VmId } from '@nixen/api'
import { formatBytes, MiB } from '@nixen/core'
import { compareDisks, convert, createDisk, openDisk, type DiskSource } from '@nixen/disk'
import { join } from 'node:path'
import { counted } from '../output/count.ts'
import type { ProgressView } from '../output/progress.ts'
import { demoErrors } from './errors.ts'
import { followRun, followTask, until } from './follow.ts'
import { content, dataLength, dataOffset, imageSize, logOffset, type Patch } from './image.ts'
import type { Narrator, StepResult } from './narrator.ts'
import { resticCheck, resticVersion } from './restic.ts'
import { makeRepositoryPlace, type Machine, type RepositoryPlace, type Stage } from './stage.ts'

/** Figures of one run of the job. */
export interface RunFigures {
  readonly read: number
  readonly written: number
}

/** What came of it all. */
export interface Findings {
  readonly repository: RepositoryPlace & { readonly stored: number; readonly restorable: number }
  readonly first: RunFigures
  readonly incremental: RunFigures & { readonly changed: number }
  readonly checked: { readonly bytes: number }
  /** Version of restic that checked as well; absent when there is none on this machine. */
  readonly restic: string | undefined
  readonly compared: { readonly vm: string; readonly bytes: number }
}

/** Name of the file with what the guest's disk held when it was backed up. */
export const heldFile = 'held.raw'

/** How many steps {@link play} and the one before it tell. */
export const stepCount = 9

/** First backup, changes, incremental backup, check, damage, restore, comparison. Throws when anything is not as it has to be. */
export async function play(stage: Stage, narrator: Narrator): Promise<Findings> {
  const { asking, machines } = stage
  const [victim] = machines
  const { place, id, job } = await narrator.step(
    { name: 'job', title: 'Make a repository and a job' },
    async () => await prepare(stage),
  )
  const back = async (view: ProgressView): Promise<StepResult<RunFigures>> => await backUp(stage, job, view)
  const first = await narrator.step({ name: 'first', title: 'Back up, first time' }, back)
  const changed = await narrator.step({ name: 'change', title: 'Guests write' }, async () => await change(stage))
  await narrator.step({ name: 'incremental', title: 'Back up again' }, back)
  const incremental = await lastRun(stage, job)
  if (incremental.read >= first.read / 2) throw unexpected('What the second backup read', 'little', incremental.read)
  const checked = await narrator.step(
    { name: 'check', title: 'Check the repository, reading all of it' },
    async (view) => await check(stage, { id, place }, view),
  )
  const point = await newestPoint(stage, victim)
  await narrator.step(
    { name: 'damage', title: `Something writes over the disk of ${victim.vm.name}` },
    async (view) => await damage(stage, view),
  )
  const restored = await narrator.step(
    { name: 'restore', title: `Restore ${victim.vm.name}` },
    async (view) => await restore(stage, point, view),
  )
  const compared = await narrator.step(
    { name: 'compare', title: 'Compare every byte' },
    async (view) => await compare(stage, { vm: restored, name: victim.vm.name }, view),
  )
  const { usage } = await asking.client.repository.get({ id })
  const { stored = 0, restorable = 0 } = usage ?? {}
  const { restic, bytes } = checked
  return {
    repository: { ...place, stored, restorable },
    first,
    incremental: { ...incremental, changed },
    checked: { bytes },
    restic,
    compared,
  }
}

interface Prepared {
  readonly place: RepositoryPlace
  readonly id: RepositoryId
  readonly job: JobId
}

async function prepare({ asking, folder, machines }: Stage): Promise<StepResult<Prepared>> {
  const { client, signal } = asking
  const place = await makeRepositoryPlace(folder)
  const { path: location, password } = place
  const { id } = await client.repository.create({ name: 'Demonstration', location, password }, { signal })
  const job = await client.job.create(
    {
      name: 'Every night',
      work: { kind: 'backup', repositories: [id] },
      selection: { ids: machines.map(({ vm }) => vm.id) },
      schedules: [{ name: 'nightly', cron: '0 2 * * *', keep: { last: 7, weekly: 4, monthly: 12 } }],
    },
    { signal },
  )
  return { value: { place, id, job: job.id }, told: `${counted(machines.length, 'VM')} every night at 02:00` }
}

async function backUp({ asking }: Stage, job: JobId, view: ProgressView): Promise<StepResult<RunFigures>> {
  const { client, signal } = asking
  const begun = await client.job.run({ id: job, schedule: 'nightly' }, { signal })
  const value = figuresOf(await followRun(asking, begun.run, view))
  return { value, told: `${formatBytes(value.read)} read, ${formatBytes(value.written)} written` }
}

async function lastRun({ asking: { client, signal } }: Stage, job: JobId): Promise<RunFigures> {
  const { items } = await client.run.list({ job, limit: 1 }, { signal })
  return figuresOf(items[0] ?? {})
}

function figuresOf({ read = 0, written = 0 }: Partial<RunDetail>): RunFigures {
  return { read, written }
}

/** Guests change some of their data and append to their logs. Then what the first one's disk holds is read from it and kept. */
async function change({ asking: { signal }, machines, folder }: Stage): Promise<StepResult<number>> {
  const [first, second] = machines
  let changed = 0
  const write = async ({ disk }: Machine, patch: Patch): Promise<void> => {
    await disk.write(patch, signal)
    changed += patch.bytes.length
  }
  await write(first, { offset: dataOffset + 3 * MiB, bytes: content('binary', 77, 2 * MiB) })
  await write(first, { offset: logOffset + 5 * MiB, bytes: content('log', 78, MiB) })
  if (second) await write(second, { offset: logOffset + 5 * MiB, bytes: content('log', 79, MiB / 2) })
  await using held = await createDisk(join(folder, heldFile), { size: imageSize, format: 'raw' })
  await convert(first.disk, held, { signal })
  return { value: changed, told: `${formatBytes(changed)} on two of the disks` }
}

interface Checked {
  readonly bytes: number
  readonly restic: string | undefined
}

/** Nixen checks all of it, and so does restic where there is one. */
async function check(
  { asking }: Stage,
  { id, place }: { readonly id: RepositoryId; readonly place: RepositoryPlace },
  view: ProgressView,
): Promise<StepResult<Checked>> {
  const { client, signal } = asking
  await followTask(asking, (await client.repository.check({ id, read: 'all' }, { signal })).task, view)
  await followTask(asking, (await client.repository.refresh({ id }, { signal })).task, view)
  const { lastCheck } = await client.repository.get({ id }, { signal })
  if (!lastCheck?.ok) throw unexpected('The result of the check', 'good', lastCheck?.first ?? 'unknown')
  const bytes = lastCheck.readBytes
  const restic = await resticVersion(signal)
  if (restic !== undefined) await resticCheck(place, signal)
  const also = restic === undefined ? '' : `; restic ${restic} finds the same`
  return { value: { bytes, restic }, told: `${formatBytes(bytes)} read and verified, nothing is damaged${also}` }
}

async function newestPoint({ asking }: Stage, { vm }: Machine): Promise<Point> {
  const { client, signal } = asking
  return await until(asking, 'the restore point', async () => {
    const { items } = await client.point.list({ q: `name:="${vm.name}"`, limit: 10 }, { signal })
    // One of each backup; the newest is the first.
    return items.length >= 2 ? items[0] : undefined
  })
}

/** As malware that encrypts does: what is restored has to come from the repository. */
async function damage({ asking: { signal }, machines: [{ vm, disk }], folder }: Stage, view: ProgressView) {
  const bytes = content('binary', 666, dataLength)
  await disk.write({ offset: dataOffset, bytes }, signal)
  const now = await difference(disk, folder, { view, signal })
  if (now.kind === 'identical') throw demoErrors.proves_nothing({ name: vm.name })
  return { value: undefined, told: `${formatBytes(bytes.length)} are lost` }
}

async function restore({ asking }: Stage, { id, name }: Point, view: ProgressView): Promise<StepResult<VmId>> {
  const { client, signal } = asking
  const wish = { id, name: `${name} restored` }
  const plan = await client.point.restorePlan(wish, { signal })
  if (plan.problems.length > 0) throw unexpected('The plan of the restore', 'free of problems', plan.problems.join(' '))
  const { made = [] } = await followTask(asking, (await client.point.restore(wish, { signal })).task, view)
  const { items } = await until(asking, 'the restored VM', async () => {
    const found = await client.vm.list({ q: `name:="${wish.name}"` }, { signal })
    return found.items.length > 0 ? found : undefined
  })
  const vm = items.find((one) => made.includes(one.id))
  if (!vm) throw unexpected('What was restored', wish.name, 'another')
  return { value: vm.id, told: `as "${wish.name}", ${counted(plan.disks.length, 'disk')}` }
}

async function compare(
  { asking: { signal }, folder, guestOf }: Stage,
  { vm, name }: { readonly vm: VmId; readonly name: string },
  view: ProgressView,
): Promise<StepResult<Findings['compared']>> {
  const found = await difference(guestOf(vm), folder, { view, signal })
  if (found.kind === 'different') {
    throw demoErrors.differs({ name, offset: found.offset, held: found.b, restored: found.a })
  }
  if (found.kind === 'size') throw unexpected(`The size of the restored disk of ${name}`, String(found.b), found.a)
  return { value: { vm: name, bytes: imageSize }, told: `${imageSize} bytes, identical` }
}

/** Compares a disk with what was held when it was backed up. */
async function difference(
  disk: DiskSource,
  folder: string,
  { view, signal }: { readonly view: ProgressView; readonly signal: AbortSignal },
) {
  await using held = await openDisk(join(folder, heldFile), { format: 'raw' })
  const progress = ({ bytes: done, total }: { bytes: number; total: number }): void => view.update({ done, total })
  return await compareDisks(disk, held, { signal, progress })
}

function unexpected(what: string, expected: string, found: string | number): Error {
  return demoErrors.unexpected({ what, expected, found: String(found) })
}
