import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ClassName } from '../generated/rows.ts'
import { dataModel } from '../model/model.ts'
import { Database } from './database.ts'
import { nullRef } from './ref.ts'
import type { RowStore } from './row-store.ts'

const model = dataModel()

/** Both sides of every relation say the same. */
function brokenRelations(db: Database): string[] {
  const broken: string[] = []
  for (const cls of model.classes.values()) {
    for (const field of cls.fields) {
      const { relation } = field
      if (!relation) continue
      for (const { ref, values } of db.rows(cls.name as ClassName)) {
        const value = (values as unknown as Record<string, unknown>)[field.name]
        const others = relation.kind === 'one' ? [value as string] : [...(value as Set<string>)]
        for (const other of others) {
          const row = db.anyRow(other)
          const back = row && (row.values as unknown as Record<string, unknown>)[relation.field]
          const agrees = row === undefined ? other === nullRef : back instanceof Set ? back.has(ref) : back === ref
          if (!agrees) broken.push(`${cls.name}.${field.name} of ${ref}: ${other}`)
        }
      }
    }
  }
  return broken
}

describe('the database', () => {
  test('keeps both sides of all relations the same, whatever happens', () => {
    // A few classes that hang together: one to many, trees, many to many.
    const classes = ['VM', 'VDI', 'VBD', 'SR', 'VIF', 'network', 'VM_group', 'Bond', 'PIF'] as const
    const step = fc.record({
      kind: fc.constantFrom('insert', 'update', 'update', 'remove' as const),
      cls: fc.constantFrom(...classes),
      picks: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const db = new Database({ model })
        for (const { kind, cls, picks } of steps) {
          const refs = [...db.rows(cls)].map((row) => row.ref)
          const target = refs[(picks[0] ?? 0) % Math.max(1, refs.length)]
          if (kind === 'remove' && target) db.remove(target)
          const links = linksOf(db, cls, picks)
          if (kind === 'insert') db.insert(cls, links)
          if (kind === 'update' && target) db.update(target, links)
          expect(brokenRelations(db)).toEqual([])
        }
      }),
      { numRuns: 60 },
    )
    expect.hasAssertions()
  })

  test('counts generations up, and shows what changed since one', () => {
    const db = new Database({ model })
    const first = db.insert('network', { name_label: 'a' })
    const since = db.generation
    const second = db.insert('network', { name_label: 'b' })
    db.update(first, { name_label: 'c' })
    expect(new Set([...db.changedAfter(since)].map((row) => row.ref))).toEqual(new Set([first, second]))
    db.remove(second)
    expect(db.deletedAfter(since)).toMatchObject([{ ref: second, lower: 'network' }])
  })

  test('refuses fields that do not exist and computed sides', () => {
    const db = new Database({ model })
    const vm = db.insert('VM', {})
    expect(() => db.update(vm, { nonsense: 1 } as never)).toThrow('No field VM.nonsense')
    expect(() => db.update(vm, { VBDs: new Set() })).toThrow('follows from VBD')
  })

  test('keeps what could not be written for the next time', () => {
    const written: string[][] = []
    let full = true
    const store: RowStore = {
      read: () => [],
      generation: () => 0,
      notes: () => new Map(),
      flush: () => undefined,
      write({ rows }) {
        if (full) throw new Error('disk full')
        written.push([...rows].map((row) => String(row.values['name_label'])))
      },
      close: () => undefined,
    }
    const db = new Database({ model, store })
    db.insert('network', { name_label: 'a' })
    expect(() => db.commit()).toThrow('disk full')
    db.insert('network', { name_label: 'b' })
    full = false
    db.commit()
    db.commit()
    expect(written).toEqual([['a', 'b']])
  })

  test('finds objects by UUID in any case', () => {
    const db = new Database({ model })
    const vm = db.insert('VM', { uuid: 'ABCDEF00-0000-4000-8000-000000000000' })
    expect(db.byUuid('VM', 'abcdef00-0000-4000-8000-000000000000')).toBe(vm)
    db.update(vm, { uuid: 'other' })
    expect(db.findUuid('VM', 'abcdef00-0000-4000-8000-000000000000')).toBeUndefined()
    expect(() => db.byUuid('VM', 'none')).toThrow('UUID_INVALID')
  })
})

/** Values for all relations of a class that can be set, from the rows there are. */
function linksOf(db: Database, name: ClassName, picks: readonly number[]): object {
  const cls = model.classes.get(name)
  const links: Record<string, unknown> = {}
  for (const [i, field] of (cls?.fields ?? []).filter((f) => f.relation && f.relation.kind !== 'many').entries()) {
    const refs = [...db.rows(field.relation?.class as ClassName)].map((row) => row.ref)
    const pick = picks[(i + 1) % picks.length] ?? 0
    if (field.relation?.kind === 'peer') links[field.name] = refs.filter((_, j) => (pick >> (j % 30)) % 2 === 1)
    else links[field.name] = pick % 5 === 0 ? nullRef : (refs[pick % Math.max(1, refs.length)] ?? nullRef)
  }
  return links
}
