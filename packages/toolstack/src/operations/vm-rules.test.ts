import { describe, expect, test } from 'vitest'
import { XapiError } from '@nixen/xapi'
import { Database } from '../db/database.ts'
import { dataModel } from '../model/model.ts'
import type { Enums, Ref, Rows } from '../generated/rows.ts'
import { operations } from './rules-data.ts'
import { vmProblem } from './vm-rules.ts'

type Operation = Enums['vm_operations']
const states = ['Halted', 'Paused', 'Running', 'Suspended'] as const

/** A database with one machine, and that machine. */
function machine(fields: Partial<Rows['VM']> = {}): { db: Database; vm: Ref<'VM'> } {
  const db = new Database({ model: dataModel() })
  db.insert('pool', {})
  return { db, vm: db.insert('VM', { domain_type: 'hvm', HVM_boot_policy: 'BIOS order', ...fields }) }
}

/** Code and parameters of the refusal, without the machine's reference. */
function refusal(fields: Partial<Rows['VM']>, op: Operation, strict = false): readonly string[] | undefined {
  const { db, vm } = machine(fields)
  const problem = vmProblem(db, vm, op, { strict })
  return problem instanceof XapiError
    ? [problem.code, ...(problem.params as readonly string[]).filter((param) => param !== vm)]
    : undefined
}

describe('operations on a machine', () => {
  const plain = Object.entries(operations.vm.powerStates).filter(
    ([, rule]) => !rule.alsoRunningIf && !rule.alsoSuspendedIf,
  )

  test.each(plain)('%s is for the power states of the table', (name, { states: allowed }) => {
    const op = name as Operation
    const byState = states.map((power_state) => refusal({ power_state }, op)?.[0] === 'VM_BAD_POWER_STATE')
    expect(byState).toEqual(states.map((state) => !allowed.includes(state)))
  })

  test('name the expected and the actual state', () => {
    expect(refusal({ power_state: 'Halted' }, 'hard_reboot')).toEqual([
      'VM_BAD_POWER_STATE',
      'paused, running',
      'halted',
    ])
  })

  test.each([
    ['nothing', {}, 'clone', undefined],
    ['a block before the power state', { blocked_operations: { pause: 'no' } }, 'pause', ['OPERATION_BLOCKED', 'no']],
    [
      'the power state before another operation',
      { current_operations: { t: 'start' } },
      'pause',
      ['VM_BAD_POWER_STATE', 'running', 'halted'],
    ],
    [
      'another operation',
      { current_operations: { t: 'start' } },
      'clone',
      ['OTHER_OPERATION_IN_PROGRESS', 'VM', 'start', 't'],
    ],
    [
      'several operations',
      { current_operations: { t: 'clone', u: 'copy' } },
      'destroy',
      ['OTHER_OPERATION_IN_PROGRESS', 'VM', '{clone,copy}', '{t,u}'],
    ],
    ['nothing beside its like', { current_operations: { t: 'clone', u: 'export' } }, 'copy', undefined],
    [
      'nothing for a hard shutdown',
      { power_state: 'Running', current_operations: { t: 'clean_shutdown' } },
      'hard_shutdown',
      undefined,
    ],
    [
      'a second hard shutdown',
      { power_state: 'Running', current_operations: { t: 'hard_shutdown' } },
      'hard_shutdown',
      ['OTHER_OPERATION_IN_PROGRESS', 'VM', 'hard_shutdown', 't'],
    ],
    ['being a template', { is_a_template: true }, 'start', ['VM_IS_TEMPLATE', 'start']],
    ['nothing for cloning a template', { is_a_template: true }, 'clone', undefined],
    ['nothing for destroying one of one’s own', { is_a_template: true }, 'destroy', undefined],
    [
      'being a default template',
      { is_a_template: true, is_default_template: true },
      'destroy',
      ['VM_IS_TEMPLATE', 'destroy'],
    ],
    ['being a snapshot', { is_a_template: true, is_a_snapshot: true }, 'provision', ['VM_IS_SNAPSHOT', 'provision']],
    ['not being a template', {}, 'provision', ['PROVISION_ONLY_ALLOWED_ON_TEMPLATE']],
    ['not being a snapshot', {}, 'revert', ['REVERT_ONLY_ALLOWED_ON_SNAPSHOT']],
    [
      'being bound to its host',
      { power_state: 'Running', platform: { nomigrate: 'true' } },
      'pool_migrate',
      ['VM_IS_IMMOBILE'],
    ],
    [
      'being a control domain',
      { power_state: 'Running', is_control_domain: true },
      'clean_shutdown',
      ['OPERATION_NOT_ALLOWED', 'This operation is not allowed on a control domain'],
    ],
  ] as const)('are stopped by %s', (_name, fields, op, expected) => {
    expect(refusal(fields as Partial<Rows['VM']>, op)).toEqual(expected)
  })

  test('need the guest only where the lists are made', () => {
    const running = { power_state: 'Running' } as const
    expect(refusal(running, 'suspend', true)).toEqual(['VM_LACKS_FEATURE'])
    expect(refusal(running, 'suspend', false)).toBeUndefined()
    expect(refusal(running, 'changing_VCPUs_live', false)).toEqual(['VM_LACKS_FEATURE'])
    expect(refusal({ ...running, domain_type: 'pv' }, 'suspend', true)).toBeUndefined()
  })
})
