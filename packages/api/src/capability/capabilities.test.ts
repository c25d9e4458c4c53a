import { describe, expect, test } from 'vitest'
import { diskCan } from '../disk/capabilities.ts'
import type { Disk } from '../disk/disk.ts'
import { hostCan } from '../host/capabilities.ts'
import type { Host } from '../host/host.ts'
import type { ConnectionId } from '../ids/own-id.ts'
import { formatId } from '../ids/resource-id.ts'
import { vmActions, vmCan, type VmAction } from '../vm/capabilities.ts'
import type { PowerState, Vm } from '../vm/vm.ts'
import { capabilities, demand, judgeOn } from './capabilities.ts'

const connection = 'c1' as ConnectionId
const pool = formatId({ type: 'pool', connection, key: 'p' })

function vm(fields: Partial<Vm> = {}): Vm {
  return {
    id: formatId({ type: 'vm', connection, key: '1' }),
    connection,
    pool,
    name: 'web-01',
    tags: [],
    power: 'running',
    vcpus: 2,
    memory: 2 ** 31,
    ips: [],
    drives: [],
    diskSize: 0,
    nics: [],
    snapshots: 0,
    agent: { running: true, drivers: true },
    ...fields,
  }
}

// Which of the power actions make sense in which state: XAPI's table, row by row.
const states: readonly PowerState[] = ['running', 'paused', 'suspended', 'halted', 'crashed']
const table: readonly (readonly [VmAction, string])[] = [
  ['start', '..sHc'],
  ['shutdown', 'R....'],
  ['hardShutdown', 'RPs.c'],
  ['reboot', 'R....'],
  ['hardReboot', 'RP..c'],
  ['pause', 'R....'],
  ['unpause', '.P...'],
  ['suspend', 'R....'],
  ['resume', '..s..'],
  ['console', 'RP...'],
  ['snapshot', 'RPsHc'],
  ['snapshotWithMemory', 'R....'],
  ['clone', '..sH.'],
  ['migrate', 'RP...'],
  ['convertToTemplate', '...H.'],
  ['delete', '..sHc'],
]

describe.each(table)('%s', (action, marks) => {
  test.each(states.map((power, i) => [power, marks[i] !== '.'] as const))('when %s: %s', (power, allowed) => {
    const verdict = vmCan[action].check(vm({ power }))
    expect(verdict.allowed).toBe(allowed)
    expect(verdict.allowed || verdict.reason.length > 10).toBe(true)
  })
})

test.each<[VmAction, Partial<Vm>, string]>([
  ['start', { power: 'halted', blocked: { start: 'payroll' } }, 'Somebody has blocked it: payroll.'],
  ['start', { power: 'halted', busy: ['clone'] }, 'The VM is busy (clone). Wait until that is done.'],
  ['start', {}, 'Only a halted or suspended VM can start. This one is running.'],
  [
    'suspend',
    { agent: { running: false, drivers: false } },
    'The VM must have guest drivers. Install the guest tools.',
  ],
  ['suspend', { agent: undefined }, 'The VM must have guest drivers. Install the guest tools.'],
  [
    'migrate',
    { immobile: 'a GPU is passed through.' },
    'The VM cannot leave its host while it runs: a GPU is passed through.',
  ],
  ['revert', {}, 'The VM has no snapshots.'],
  ['insertMedia', {}, 'The VM has no CD drive. Add one first.'],
  [
    'setCpus',
    { vcpus: 4, vcpusMax: 4 },
    'The VM must be halted, or run with fewer virtual processors than its maximum.',
  ],
  ['addTpm', { power: 'halted', firmware: 'bios' }, 'A TPM needs UEFI firmware.'],
])('%s of a VM with %j is refused: %s', (action, fields, reason) => {
  expect(vmCan[action].check(vm(fields))).toEqual({ allowed: false, reason })
})

test('a VM that shuts down can still be forced off, and copies go together', () => {
  expect(vmCan.hardShutdown.check(vm({ busy: ['shutdown'] })).allowed).toBe(true)
  expect(vmCan.clone.check(vm({ power: 'halted', busy: ['export', 'copy'] })).allowed).toBe(true)
  expect(vmActions(vm({ power: 'paused' }))).toContain('unpause')
})

test('demand throws the sentence with the action and the object', () => {
  const paused = vm({ power: 'paused' })
  expect(() => demand(vmCan.start, paused)).toThrow(
    expect.objectContaining({
      code: 'request.not_allowed',
      status: 409,
      details: expect.objectContaining({ action: 'start', id: paused.id }),
    }),
  )
  expect(() => demand(vmCan.unpause, paused)).not.toThrow()
})

test('what the other end cannot do is refused with its reason, before the state of the object', () => {
  const limits = { readOnly: false, unsupported: { 'vm:pause': 'LXC cannot pause.' } }
  expect(judgeOn(limits, vmCan.pause, vm())).toEqual({ allowed: false, reason: 'LXC cannot pause.' })
  expect(judgeOn(limits, vmCan.shutdown, vm())).toEqual({ allowed: true })
  expect(judgeOn({ readOnly: true }, vmCan.shutdown, vm()).allowed).toBe(false)
  expect(() => demand(vmCan.pause, vm(), limits)).toThrow('LXC cannot pause.')
})

test('a host reboots only in maintenance and without VMs', () => {
  const host: Host = {
    id: formatId({ type: 'host', connection, key: '1' }),
    connection,
    pool,
    name: 'xen-1',
    tags: [],
    power: 'running',
    enabled: true,
    master: false,
    vms: 3,
  }
  expect(hostCan.reboot.check(host)).toEqual({ allowed: false, reason: 'Put the host in maintenance first.' })
  expect(hostCan.reboot.check({ ...host, enabled: false })).toMatchObject({
    reason: expect.stringContaining('3 VMs run on it'),
  })
  expect(hostCan.reboot.check({ ...host, enabled: false, vms: 0 }).allowed).toBe(true)
})

test('a disk of a running VM is not deleted', () => {
  const storage = formatId({ type: 'storage', connection, key: 's' })
  const disk: Disk = {
    id: formatId({ type: 'disk', connection, key: '1' }),
    connection,
    pool,
    storage,
    name: 'd',
    tags: [],
    kind: 'disk',
    size: 1,
    vms: [],
    attached: true,
    snapshots: 0,
  }
  expect(diskCan.delete.check(disk).allowed).toBe(false)
  expect(diskCan.delete.check({ ...disk, attached: false }).allowed).toBe(true)
})

test('a table only takes rules for its type', () => {
  const can = capabilities<{ id: string; n: number }>()({ grow: { when: (o) => o.n < 3, otherwise: 'It is full.' } })
  expect(can.grow.check({ id: 'x', n: 3 })).toEqual({ allowed: false, reason: 'It is full.' })
  // @ts-expect-error there is no field m
  capabilities<{ n: number }>()({ grow: { when: (o) => o.m < 3, otherwise: 'It is full.' } })
  // @ts-expect-error there is no action shrink
  expect(can.shrink).toBeUndefined()
})
