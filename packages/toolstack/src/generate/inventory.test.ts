import { describe, expect, test } from 'vitest'
import { hostMemory } from '../classes/host-memory.ts'
import { Database } from '../db/database.ts'
import { recordJson } from '../wire/json-encode.ts'
import { dataModel } from '../model/model.ts'
import { generateInventory } from './inventory.ts'

function inventory(options: { seed?: number; pool?: number; hosts?: number; vms?: number } = {}): Database {
  const db = new Database({ model: dataModel() })
  generateInventory(db, {
    seed: 7,
    pool: 0,
    hosts: 3,
    vms: 40,
    now: 1_790_000_000_000,
    address: (i) => `127.0.1.${i + 1}`,
    ...options,
  })
  return db
}

const textOf = (db: Database): string => [...db.table('VM').rows.values()].map(recordJson).join('\n')

describe('the generated inventory', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(textOf(inventory())).toBe(textOf(inventory()))
    expect(textOf(inventory({ seed: 8 }))).not.toBe(textOf(inventory()))
    expect(textOf(inventory({ pool: 1 }))).not.toBe(textOf(inventory()))
  })

  test('has unique names, addresses and UUIDs', () => {
    const db = inventory({ vms: 300 })
    const vms = [...db.rows('VM')].map((row) => row.values).filter((vm) => !vm.is_a_template && !vm.is_control_domain)
    const macs = [...db.rows('VIF')].map((row) => row.values.MAC)
    expect(new Set(macs).size).toBe(macs.length)
    expect(new Set(vms.map((vm) => vm.uuid)).size).toBe(300)
    const names = vms.map((vm) => vm.name_label.replace(/-(prod|staging|test)-/, '-'))
    expect(new Set(names).size).toBe(300)
  })

  test('fits: no host has more in use than it has, running machines see their disks and networks', () => {
    const db = inventory({ vms: 200 })
    for (const { ref } of db.rows('host')) expect(hostMemory(db, ref).free).toBeGreaterThan(0)
    const unseen = [...db.rows('VM')].filter(({ values }) => {
      const srs = [...values.VBDs].map((vbd) => db.find('VDI', db.get('VBD', vbd).VDI)?.SR)
      const here = (sr: string | undefined): boolean =>
        sr === undefined ||
        [...db.rows('PBD')].some((pbd) => pbd.values.SR === sr && pbd.values.host === values.resident_on)
      return values.power_state === 'Running' && !srs.every(here)
    })
    expect(unseen).toEqual([])
  })

  test('has no reference to something that does not exist', () => {
    const db = inventory()
    const broken: string[] = []
    for (const cls of db.model.classes.values()) {
      for (const row of db.table(cls.name).rows.values()) {
        for (const field of cls.fields) {
          if (field.type.kind !== 'ref') continue
          const value = String(row.values[field.name])
          if (value !== 'OpaqueRef:NULL' && !db.anyRow(value)) broken.push(`${cls.name}.${field.name}: ${value}`)
        }
      }
    }
    expect(broken).toEqual([])
  })

  test('may be a single host without machines', () => {
    const db = inventory({ hosts: 1, vms: 0 })
    expect(db.count('host')).toBe(1)
    expect([...db.rows('pool')][0]?.values.default_SR).not.toBe('OpaqueRef:NULL')
  })
})
