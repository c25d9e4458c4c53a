import { formatBytes } from '@nixen/core'
import type { JobId, Point, RunDetail } from '@nixen/api'
import { print, type CommonFlags } from '../../command.ts'
import type { NixenContext } from '../../context.ts'
import type { ProgressView } from '../../output/progress.ts'
import { demoErrors } from '../errors.ts'
import { followRun, followTask, until } from '../follow.ts'
import { Narrator, type StepResult } from '../narrator.ts'
import { makeRepositoryPlace } from '../stage.ts'
import { openLocalStage, vmName, type LocalStage } from './stage.ts'

const stepCount = 10

/** What is in a guest: the SHA-256 of each file on its disk, by name, as the guest itself works it out. */
type Files = ReadonlyMap<string, string>

/** `nixen demo --local`: the main job on a guest that really boots. Fails unless every file came back. */
export async function demoLocal(context: NixenContext, flags: CommonFlags): Promise<void> {
  const narrator = new Narrator({ context, json: flags.json, steps: stepCount })
  await using stage = await narrator.step(
    { name: 'start', title: 'Start a libvirt daemon, a Linux VM and a server' },
    async () => {
      const value = await openLocalStage(context)
      return { value, told: `libvirt in ${value.daemon.folder}, nothing of this machine's own is touched` }
    },
  )
  const found = await play(stage, narrator)
  const text = [
    `First backup: ${formatBytes(found.first)} read. Second, while the guest ran: ${formatBytes(found.second)} read.`,
    `${found.files.size} files of ${vmName} came back, byte for byte, in a VM that booted.`,
  ].join('\n')
  const json = {
    first: found.first,
    incremental: found.second,
    files: Object.fromEntries(found.files),
    steps: narrator.times,
  }
  print(context, flags, { json, text })
}

interface Found {
  readonly first: number
  readonly second: number
  readonly files: Files
}

async function play(stage: LocalStage, narrator: Narrator): Promise<Found> {
  await narrator.step({ name: 'boot', title: 'Boot it' }, async (view) => await boot(stage, view))
  await narrator.step({ name: 'write', title: 'The guest writes files' }, async () => await write(stage))
  const job = await narrator.step(
    { name: 'job', title: 'Make a repository and a job' },
    async () => await prepare(stage),
  )
  const first = await narrator.step(
    { name: 'first', title: 'Back up, while it runs' },
    async (view) => await backUp(stage, job, view),
  )
  const held = await narrator.step(
    { name: 'change', title: 'The guest changes files' },
    async () => await change(stage),
  )
  const second = await narrator.step(
    { name: 'incremental', title: 'Back up what changed' },
    async (view) => await backUp(stage, job, view),
  )
  if (second.read >= first.read / 2) throw unexpected('What the second backup read', 'little', second.read)
  const point = await newestPoint(stage)
  await narrator.step(
    { name: 'destroy', title: 'Destroy the VM with its disk' },
    async (view) => await destroy(stage, view),
  )
  await narrator.step({ name: 'restore', title: 'Restore it' }, async (view) => await restore(stage, point, view))
  const files = await narrator.step(
    { name: 'compare', title: 'Boot it and compare' },
    async () => await compare(stage, held),
  )
  return { first: first.read, second: second.read, files }
}

async function boot({ client, asking, vm, shell }: LocalStage, view: ProgressView): Promise<StepResult<undefined>> {
  await followTask(asking, (await client.vm.start({ id: vm.id }, { signal: asking.signal })).task, view)
  const guest = await shell(vmName)
  await guest.ready()
  const kernel = (await guest.run('uname -r')).trim()
  return { value: undefined, told: `Linux ${kernel} answers through its guest agent` }
}

/** Random bytes and text, as the guest makes them itself. */
async function write({ shell }: LocalStage): Promise<StepResult<undefined>> {
  const guest = await shell(vmName)
  const script = [
    'mkdir -p /data/files',
    'for i in 1 2 3 4; do dd if=/dev/urandom of=/data/files/random-$i bs=1M count=6 2>/dev/null; done',
    'seq 1 100000 >/data/files/numbers',
    'sync',
  ]
  await guest.run(script.join(' && '))
  return { value: undefined, told: `${(await sums(guest)).size} files, 25 MB` }
}

async function change({ shell }: LocalStage): Promise<StepResult<Files>> {
  const guest = await shell(vmName)
  const script = [
    'dd if=/dev/urandom of=/data/files/random-2 bs=64k count=8 seek=20 conv=notrunc 2>/dev/null',
    'echo "written after the first backup" >/data/files/new',
    'rm /data/files/random-4',
    'sync',
  ]
  await guest.run(script.join(' && '))
  const value = await sums(guest)
  return { value, told: 'one changed in part, one new, one removed' }
}

async function sums(guest: Awaited<ReturnType<LocalStage['shell']>>): Promise<Files> {
  const text = await guest.run('cd /data/files && sha256sum *')
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(66), line.slice(0, 64)] as const),
  )
}

async function prepare({ client, asking: { signal }, folder, vm }: LocalStage): Promise<StepResult<JobId>> {
  const { path: location, password } = await makeRepositoryPlace(folder)
  const { id } = await client.repository.create({ name: 'Demonstration', location, password }, { signal })
  const job = await client.job.create(
    {
      name: 'Every night',
      work: { kind: 'backup', repositories: [id], quiesce: 'try' },
      selection: { ids: [vm.id] },
      schedules: [{ name: 'nightly', cron: '0 2 * * *', keep: { last: 7 } }],
    },
    { signal },
  )
  return { value: job.id, told: 'the guest is asked to write everything first' }
}

async function backUp(
  { client, asking }: LocalStage,
  job: JobId,
  view: ProgressView,
): Promise<StepResult<{ read: number; written: number }>> {
  const begun = await client.job.run({ id: job, schedule: 'nightly' }, { signal: asking.signal })
  const { read = 0, written = 0 }: Partial<RunDetail> = await followRun(asking, begun.run, view)
  return { value: { read, written }, told: `${formatBytes(read)} read, ${formatBytes(written)} written` }
}

async function newestPoint({ client, asking, vm }: LocalStage): Promise<Point> {
  const { items } = await client.point.list(
    { q: `name:="${vm.name}"`, sort: '-time', limit: 1 },
    { signal: asking.signal },
  )
  const [point] = items
  if (!point) throw unexpected('The repository', 'a restore point', 'none')
  return point
}

async function destroy({ client, asking, vm }: LocalStage, view: ProgressView): Promise<StepResult<undefined>> {
  const { signal } = asking
  await followTask(asking, (await client.vm.hardShutdown({ id: vm.id }, { signal })).task, view)
  await until(asking, 'its end', async () =>
    (await client.vm.get({ id: vm.id }, { signal })).power === 'halted' ? true : undefined,
  )
  await followTask(asking, (await client.vm.delete({ id: vm.id }, { signal })).task, view)
  return { value: undefined, told: 'it is gone' }
}

async function restore(
  { client, asking }: LocalStage,
  { id }: Point,
  view: ProgressView,
): Promise<StepResult<undefined>> {
  const { signal } = asking
  const wish = { id, start: true }
  const plan = await until(asking, 'a plan of the restore', async () => {
    const found = await client.point.restorePlan(wish, { signal })
    return found.problems.length === 0 ? found : undefined
  })
  await followTask(asking, (await client.point.restore(wish, { signal })).task, view)
  return { value: undefined, told: `${plan.disks.length} disk, as ${vmName}, and started` }
}

async function compare({ shell }: LocalStage, held: Files): Promise<StepResult<Files>> {
  const guest = await shell(vmName)
  await guest.ready()
  const now = await sums(guest)
  for (const name of new Set([...held.keys(), ...now.keys()])) {
    if (held.get(name) !== now.get(name))
      throw unexpected(`The file ${name}`, held.get(name) ?? 'absent', now.get(name) ?? 'absent')
  }
  const boots = (await guest.run('cat /data/boots')).trim()
  return { value: now, told: `${now.size} files have the same SHA-256; boot number ${boots} of this disk` }
}

function unexpected(what: string, expected: string, found: string | number): Error {
  return demoErrors.unexpected({ what, expected, found: String(found) })
}
