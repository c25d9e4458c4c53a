import assert from 'node:assert/strict'
import type { VmId } from '@nixen/api'
import { isAppError, MiB, seededRandom } from '@nixen/core'
import type { ChangeToken, DiskSource, Extent } from '@nixen/disk'
import type { FrozenVm, OpenedDisk, ProtectActions, ProtectJournal, ProtectStep, VmConfig } from '../protect/index.ts'
import type { ConformanceCase } from './reading.ts'

/** A VM of the test's own on a daemon: running, with at least two disks of at least 4 MiB, on storage that can take snapshots. */
export interface ProtectTarget extends AsyncDisposable {
  readonly protect: ProtectActions
  readonly vm: VmId
  /** Writes into a disk as the guest would. */
  write(position: number, offset: number, bytes: Uint8Array): Promise<void>
  /** What the guest of a VM reads. */
  content(position: number, vm: VmId): Promise<Buffer>
  /** Names of all that the daemon has of VMs, snapshots and disks, for seeing what is left behind. */
  everything(): Promise<readonly string[]>
  /** Removes a VM with its disks. */
  remove(vm: VmId): Promise<void>
  /** Switches the test's own VM off. */
  halt(): Promise<void>
}

/** Makes a target. */
export type ProtectFactory = () => Promise<ProtectTarget>

/** A case that is run with {@link ProtectFactory}. */
export interface ProtectCase extends Pick<ConformanceCase, 'name'> {
  run(factory: ProtectFactory): Promise<void>
}

/** The backup part: what is read is what the guest had, and nothing stays but what is kept. */
export function protectingConformance({ seed = 1, rounds = 3 } = {}): readonly ProtectCase[] {
  return [
    on(`reads what the guest has written, whole and then what changed (${rounds} rounds)`, (target) =>
      rightRounds(target, { seed, rounds }),
    ),
    on('shows one moment: what is written after it is not in it', oneMoment),
    on('leaves nothing behind when a backup is given up', givenUp),
    on('takes back by its step what an earlier process began', takenBack),
    on('goes on in another session with what was stored as JSON', storedAsJson),
    on('makes the same VM again', restoresNew),
    on('puts the old content back into the VM', restoresInto),
    on('leaves nothing behind when a restore fails', restoreFails),
    on('refuses a VM that is not there', unknownVm),
  ]
}

function on(name: string, run: (target: ProtectTarget) => Promise<void>): ProtectCase {
  return {
    name,
    async run(factory) {
      await using target = await factory()
      await run(target)
    },
  }
}

/** Steps that were written down and not forgotten, as a durable journal would have them. */
export class MemoryJournal implements ProtectJournal {
  readonly open: ProtectStep[] = []

  undo(step: ProtectStep): Promise<{ forget(): Promise<void> }> {
    this.open.push(step)
    const forget = (): Promise<void> => {
      const at = this.open.indexOf(step)
      if (at >= 0) this.open.splice(at, 1)
      return Promise.resolve()
    }
    return Promise.resolve({ forget })
  }

  /** What a restart does: the last step first. */
  async clean(protect: ProtectActions): Promise<void> {
    for (const step of this.open.toReversed()) await protect.undo(step)
    this.open.length = 0
  }
}

/** What a backup makes of an opened disk: all of it, or the earlier content with what changed read anew. Several reads are under way. */
export async function takeIn({ source, changed }: OpenedDisk, before?: Uint8Array): Promise<Buffer> {
  const content = Buffer.alloc(source.size)
  if (changed) {
    assert.ok(before, 'a difference needs what it differs from')
    content.set(before)
  }
  const chunks = new Set<number>()
  for await (const { offset, length, kind } of changed ?? source.extents()) {
    if (kind !== 'data') continue
    for (let chunk = Math.floor(offset / MiB); chunk * MiB < offset + length; chunk++) chunks.add(chunk)
  }
  const queue = [...chunks].toSorted((a, b) => a - b)
  // As the backup engine does: whole chunks of 1 MiB, ascending, some side by side.
  const lane = async (): Promise<void> => {
    for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
      const end = Math.min((chunk + 1) * MiB, source.size)
      await source.read(chunk * MiB, content.subarray(chunk * MiB, end))
    }
  }
  await Promise.all([lane(), lane(), lane()])
  return content
}

/** A disk in memory, as a restore point gives it. */
export function diskOf(content: Uint8Array): DiskSource {
  const unit = 64 * 1024
  return {
    size: content.length,
    async *extents(): AsyncGenerator<Extent> {
      for (let offset = 0; offset < content.length; offset += unit) {
        const part = content.subarray(offset, offset + unit)
        yield { offset, length: part.length, kind: part.every((byte) => byte === 0) ? 'zero' : 'data' }
      }
    },
    read(offset, into) {
      into.set(content.subarray(offset, offset + into.length))
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** One backup, as it is in a repository. */
interface Point {
  readonly config: VmConfig
  readonly tokens: ReadonlyMap<string, ChangeToken>
  readonly contents: ReadonlyMap<string, Buffer>
}

async function backUp(
  target: ProtectTarget,
  { before, data }: { before?: Point; data: 'purge' | 'nothing' },
): Promise<Point> {
  const { protect, vm } = target
  const frozen = await protect.freeze(vm, { owner: 'conformance', journal: new MemoryJournal() })
  const contents = new Map<string, Buffer>()
  for (const { key } of frozen.disks) contents.set(key, await readDisk(protect, frozen, { key, before }))
  const drop = [...(before?.tokens.values() ?? [])]
  await protect.keep(frozen, { data, drop })
  return { config: frozen.config, contents, tokens: new Map(frozen.disks.map(({ key, token }) => [key, token])) }
}

async function readDisk(
  protect: ProtectActions,
  frozen: FrozenVm,
  { key, before }: { key: string; before: Point | undefined },
): Promise<Buffer> {
  const old = before?.contents.get(key)
  const since = before?.tokens.get(key)
  await using opened = await protect.openDisk(frozen, key, {
    ...(since === undefined ? {} : { since }),
    ...(old === undefined ? {} : { base: () => Promise.resolve(diskOf(old)) }),
  })
  assert.equal(opened.source.size, frozen.disks.find((disk) => disk.key === key)?.size)
  if (before) assert.ok(opened.changed !== undefined || opened.because.length > 0, 'a full reading has a reason')
  return await takeIn(opened, old)
}

async function assertContents(target: ProtectTarget, { config, contents }: Point, vm = target.vm): Promise<void> {
  for (const [position, { key, name }] of config.disks.entries()) {
    const expected = contents.get(key)
    assert.ok(expected && Buffer.compare(expected, await target.content(position, vm)) === 0, `${name} differs`)
  }
}

async function writeSome(target: ProtectTarget, seed: number): Promise<void> {
  const random = seededRandom(seed)
  for (let i = 0; i < 6; i++) {
    const length = 1 + Math.floor(random() * 300_000)
    const bytes = new Uint8Array(length).fill(i % 3 === 2 ? 0 : 1 + Math.floor(random() * 255))
    await target.write(i % 2, Math.floor(random() * (4 * MiB - length)), bytes)
  }
}

async function rightRounds(target: ProtectTarget, { seed, rounds }: { seed: number; rounds: number }): Promise<void> {
  const atStart = await target.everything()
  let before: Point | undefined
  for (let round = 0; round < rounds; round++) {
    await writeSome(target, seed * 1000 + round)
    const point: Point = await backUp(target, { data: 'purge', ...(before ? { before } : {}) })
    await assertContents(target, point)
    before = point
  }
  const kept = await target.protect.strays()
  assert.ok(
    kept.every((stray) => stray.kept && stray.owner === 'conformance'),
    'what is kept is listed as kept',
  )
  for (const token of before?.tokens.values() ?? []) await target.protect.drop(token)
  assert.deepEqual(await target.everything(), atStart)
  assert.deepEqual(await target.protect.strays(), [])
}

async function oneMoment(target: ProtectTarget): Promise<void> {
  await writeSome(target, 1)
  const expected = await target.content(0, target.vm)
  const frozen = await target.protect.freeze(target.vm, { owner: 'conformance', journal: new MemoryJournal() })
  await target.write(0, 0, new Uint8Array(MiB).fill(9))
  const content = await readDisk(target.protect, frozen, { key: frozen.disks[0]?.key ?? '', before: undefined })
  assert.ok(Buffer.compare(content, expected) === 0)
  await target.protect.release(frozen)
}

async function givenUp(target: ProtectTarget): Promise<void> {
  const atStart = await target.everything()
  const frozen = await target.protect.freeze(target.vm, { owner: 'conformance', journal: new MemoryJournal() })
  const opened = await target.protect.openDisk(frozen, frozen.disks[0]?.key ?? '')
  await opened.source.read(0, new Uint8Array(4096))
  await opened[Symbol.asyncDispose]()
  await target.protect.release(frozen)
  await target.protect.release(frozen)
  assert.deepEqual(await target.everything(), atStart)
}

async function takenBack(target: ProtectTarget): Promise<void> {
  const atStart = await target.everything()
  const journal = new MemoryJournal()
  await target.protect.freeze(target.vm, { owner: 'conformance', journal })
  assert.notDeepEqual(await target.everything(), atStart)
  const steps = new MemoryJournal()
  // Steps are plain JSON.
  steps.open.push(...(JSON.parse(JSON.stringify(journal.open)) as ProtectStep[]))
  await steps.clean(target.protect)
  await journal.clean(target.protect)
  assert.deepEqual(await target.everything(), atStart)
}

async function storedAsJson(target: ProtectTarget): Promise<void> {
  await writeSome(target, 2)
  const atStart = await target.everything()
  const frozen = await target.protect.freeze(target.vm, { owner: 'conformance', journal: new MemoryJournal() })
  const stored = JSON.parse(JSON.stringify(frozen)) as FrozenVm // As another process gets it.
  assert.deepEqual(stored, frozen)
  const content = await readDisk(target.protect, stored, { key: stored.disks[0]?.key ?? '', before: undefined })
  assert.ok(Buffer.compare(content, await target.content(0, target.vm)) === 0)
  await target.protect.keep(stored, { data: 'nothing' })
  assert.deepEqual(await target.everything(), atStart)
}

async function restore(
  { protect }: ProtectTarget,
  { config, contents }: Point,
  {
    identity,
    journal = new MemoryJournal(),
    broken = false,
  }: { identity: { kind: 'new' } | { kind: 'into'; vm: VmId }; journal?: MemoryJournal; broken?: boolean },
): Promise<VmId> {
  const plan = await protect.planRestore({ config, identity })
  assert.deepEqual(plan.problems, [])
  const { vm } = await protect.restore(plan, {
    owner: 'conformance',
    journal,
    onDisk: ({ key, position }) =>
      broken && position !== '0'
        ? Promise.reject(new Error('the repository is gone'))
        : Promise.resolve(diskOf(contents.get(key) ?? new Uint8Array(0))),
  })
  assert.deepEqual(journal.open, [])
  return vm
}

async function restoresNew(target: ProtectTarget): Promise<void> {
  await writeSome(target, 3)
  const point = await backUp(target, { data: 'nothing' })
  const atStart = await target.everything()
  const vm = await restore(target, point, { identity: { kind: 'new' } })
  assert.notEqual(vm, target.vm)
  await assertContents(target, point, vm)
  assert.deepEqual(await target.protect.strays(), [])
  await target.remove(vm)
  assert.deepEqual(await target.everything(), atStart)
}

async function restoresInto(target: ProtectTarget): Promise<void> {
  await writeSome(target, 4)
  const point = await backUp(target, { data: 'nothing' })
  await writeSome(target, 5)
  const running = await target.protect.planRestore({ config: point.config, identity: { kind: 'into', vm: target.vm } })
  assert.equal(running.problems.length, 1, 'a VM that runs is no place to restore to')
  await target.halt()
  const before = await target.everything()
  await restore(target, point, { identity: { kind: 'into', vm: target.vm } })
  await assertContents(target, point)
  assert.equal((await target.everything()).length, before.length)
}

async function restoreFails(target: ProtectTarget): Promise<void> {
  const point = await backUp(target, { data: 'nothing' })
  const atStart = await target.everything()
  const journal = new MemoryJournal()
  await assert.rejects(
    restore(target, point, { identity: { kind: 'new' }, journal, broken: true }),
    /repository is gone/,
  )
  assert.deepEqual(journal.open, [])
  assert.deepEqual(await target.everything(), atStart)
}

async function unknownVm({ protect, vm }: ProtectTarget): Promise<void> {
  // The id of a VM of the same connection.
  const other = vm.replace(/[^.]+$/, '00000000-0000-4000-8000-000000000000') as VmId
  const journal = new MemoryJournal()
  const freezing = protect.freeze(other, { owner: 'conformance', journal })
  await assert.rejects(freezing, (error) => isAppError(error, 'vm.not_found'))
  assert.deepEqual(journal.open, [])
}
