import assert from 'node:assert/strict'
import { inventorySchemas, resourceTypes, type ResourceId } from '@nixen/api'
import { isAppError, seededRandom, systemClock } from '@nixen/core'
import { ports, Reader } from './reader.ts'
import type { ConformanceFactory, ConformanceTarget } from './target.ts'

/** One thing that every provider has to do. `run` throws when it does not. */
export interface ConformanceCase {
  /** A sentence about a provider. */
  readonly name: string
  run(factory: ConformanceFactory): Promise<void>
}

/** The reading part: what is told of a daemon is what the daemon has, whatever happens. */
export function readingConformance({ seed = 1, changes = 150 } = {}): readonly ConformanceCase[] {
  return [
    on('tells the complete inventory, field by field', complete),
    on('tells only what the contract describes', described),
    on(`is right after ${changes} random changes`, (target) => storm(target, { seed, changes, faults: false })),
    on(`is right after ${changes} random changes with faults`, (target) =>
      storm(target, { seed, changes, faults: true }),
    ),
    on('is right within 5 s after the daemon came back', goneAndBack),
    on('passes the longest names that the daemon takes', longNames),
    on('stops at a wrong password until it is asked to try again', wrongPassword),
    on('refuses a certificate that is not the pinned one', wrongCertificate),
    on('says what the endpoint presents without logging in', probes),
    on('fetches the native record of each type of object', natives),
    on('says that an object is unknown', unknownObject),
    on('leaves nothing open when closed', leaks),
  ]
}

function on(name: string, run: (target: ConformanceTarget) => Promise<void>): ConformanceCase {
  return {
    name,
    async run(factory) {
      await using target = await factory()
      await run(target)
    },
  }
}

async function complete(target: ConformanceTarget): Promise<void> {
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  await reader.untilTrue(target)
  assert.equal(reader.resets, 1)
  assert.equal(reader.state, 'connected')
}

async function described(target: ConformanceTarget): Promise<void> {
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  for (const object of reader.objects.values()) {
    const [type = ''] = object.id.split('.')
    const schema = inventorySchemas[resourceTypes.find((known) => known === type) ?? 'vm']
    const result = schema.safeParse(object)
    assert.ok(result.success, `${object.id}: ${result.error?.message}`)
  }
}

async function storm(
  target: ConformanceTarget,
  { seed, changes, faults }: { seed: number; changes: number; faults: boolean },
): Promise<void> {
  const random = seededRandom(seed)
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  const told = reader.upserts
  for (let i = 0; i < changes; i++) {
    await target.disturb(random)
    if (faults && i % 15 === 7) await target.interrupt(random)
  }
  await reader.untilTrue(target)
  assert.ok(reader.upserts - told > changes / 2, 'most changes show')
  assert.equal(reader.resets, 1, 'later resets are worked out, not passed on')
}

async function goneAndBack(target: ConformanceTarget): Promise<void> {
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  const before = new Map(reader.objects)
  const told = reader.upserts
  await target.stop()
  await reader.until(() => reader.state !== 'connected', { what: 'a state other than connected' })
  assert.match(reader.keeper.status.error?.code ?? '', /^connection\.(unreachable|lost|timeout)$/)
  await systemClock.sleep(4000)
  assert.equal(reader.objects.size, before.size, 'what is known stays while the daemon is away')
  await target.start()
  await reader.until(() => reader.state === 'connected', { what: 'the connection' })
  await reader.untilTrue(target)
  const same = [...before].filter(([id, object]) => reader.objects.get(id) === object).length
  assert.ok(same > before.size * 0.8, `only ${same} of ${before.size} objects are the same as before`)
  assert.ok(reader.upserts - told < before.size * 0.3, 'what did not change is not told again')
  assert.equal(reader.resets, 1)
}

async function longNames(target: ConformanceTarget): Promise<void> {
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  const name = await target.longName()
  await reader.untilTrue(target)
  assert.ok([...reader.objects.values()].some((object) => object.name === name))
}

async function wrongPassword({ provider, spec }: ConformanceTarget): Promise<void> {
  await using reader = new Reader({ provider, spec: { ...spec, password: 'not-the-password' } })
  await reader.until(() => reader.state === 'failed', { within: 10_000, what: 'the failure' })
  const { error } = reader.keeper.status
  assert.equal(error?.code, 'connection.wrong_credentials')
  assert.ok(!JSON.stringify(error).includes('not-the-password'))
  const attempts = (): number => reader.states.filter(({ state }) => state === 'connecting').length
  const before = attempts()
  await systemClock.sleep(1500)
  assert.equal(attempts(), before, 'no attempt before it is asked for')
  reader.keeper.retry()
  await reader.until(() => attempts() === before + 1, { what: 'the attempt' })
}

async function wrongCertificate({ provider, spec }: ConformanceTarget): Promise<void> {
  const pinned = Array.from({ length: 32 }, () => 'AB').join(':')
  await using reader = new Reader({ provider, spec: { ...spec, fingerprint: pinned } })
  await reader.until(() => reader.state === 'failed', { what: 'the failure' })
  const { error } = reader.keeper.status
  assert.equal(error?.code, 'connection.certificate_changed')
  assert.equal(error.details?.['found'], spec.fingerprint)
  await using trusting = new Reader({ provider, spec: { ...spec, fingerprint: undefined } })
  await trusting.until(() => trusting.state === 'failed', { what: 'the failure' })
  assert.equal(trusting.keeper.status.error?.code, 'connection.unknown_certificate')
}

async function probes({ provider, spec }: ConformanceTarget): Promise<void> {
  const probe = await provider.probe(spec.address, ports)
  assert.ok(probe.secure)
  assert.equal(probe.fingerprint, spec.fingerprint)
  assert.ok(probe.subject !== '' && probe.validTo > probe.validFrom)
}

async function natives(target: ConformanceTarget): Promise<void> {
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  for (const type of resourceTypes) {
    const id = [...reader.objects.keys()].find((key) => key.startsWith(`${type}.`))
    if (id === undefined) continue
    const { record } = await reader.keeper.session.native(id)
    assert.ok(Object.keys(record).length > 3)
    JSON.stringify(record)
  }
}

async function unknownObject(target: ConformanceTarget): Promise<void> {
  await using reader = new Reader(target)
  await reader.until(() => reader.synced > 0)
  // Of the form that ids have.
  const id = `vm.${target.spec.id}.00000000-0000-4000-8000-000000000000` as ResourceId
  await assert.rejects(reader.keeper.session.native(id), (error) => isAppError(error, 'vm.not_found'))
}

async function leaks(target: ConformanceTarget): Promise<void> {
  const open = (): number => process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length
  const before = open()
  for (let i = 0; i < 3; i++) {
    await using reader = new Reader(target)
    await reader.until(() => reader.synced > 0)
  }
  const end = performance.now() + 3000
  while (open() > before && performance.now() < end) await systemClock.sleep(20)
  // The daemon may run in the same process and keep a few sockets of its own for a moment.
  assert.ok(
    open() <= before,
    `${open() - before} more timers or sockets: ${process.getActiveResourcesInfo().join(' ')}`,
  )
}
