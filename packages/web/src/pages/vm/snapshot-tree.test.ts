import type { Snapshot, SnapshotId } from '@nixen/api'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { snapshotTree, type Branch } from './snapshot-tree.ts'

const id = (text: string) => `snapshot.c.${text}` as SnapshotId
const snapshot = (name: string, created: number, parent?: string): Snapshot =>
  ({ id: id(name), name, created, ...(parent === undefined ? {} : { parent: id(parent) }) }) as Snapshot
const shape = (branches: readonly Branch[]): string =>
  branches
    .map(({ snapshot: { name }, children }) => name + (children.length > 0 ? `(${shape(children)})` : ''))
    .join(' ')

test('snapshots hang below the one that the VM was at, the oldest first', () => {
  const all = [snapshot('c', 3, 'a'), snapshot('a', 1), snapshot('b', 2, 'a'), snapshot('d', 4, 'c')]
  expect(shape(snapshotTree(all))).toBe('a(b c(d))')
})

test('one whose parent was deleted begins a branch', () => {
  expect(shape(snapshotTree([snapshot('b', 2, 'gone'), snapshot('a', 1)]))).toBe('a b')
})

test('every snapshot is there once, whatever the parents say', () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const parents = fc.tuple(...names.map(() => fc.constantFrom(...names, undefined)))
  const count = (branches: readonly Branch[]): number =>
    branches.reduce((sum, { children }) => sum + 1 + count(children), 0)
  fc.assert(
    fc.property(parents, (chosen) => {
      const all = names.map((name, index) => snapshot(name, index, chosen[index]))
      expect(count(snapshotTree(all))).toBe(names.length)
    }),
  )
})
