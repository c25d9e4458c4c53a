import { join } from 'node:path'
import type { RepositoryId } from '@nixen/api'
import { silentLog } from '@nixen/core'
import { expect, test } from 'vitest'
import { CatalogueFile } from '../../src/repositories/catalogue-file.ts'
import { Catalogue } from '../../src/repositories/catalogue.ts'
import { temporaryState } from '../rig.ts'

test('a point that is made while a repository is listed is not taken for one that is gone', async () => {
  await using folder = await temporaryState()
  using file = new CatalogueFile(join(folder.path, 'points.sqlite'), silentLog)
  const catalogue = new Catalogue(file)
  const repository = 'b7m2x9q4k1zd' as RepositoryId // Ids are such texts.
  const point = (snapshot: string) => ({ snapshot, time: 1, name: 'web', path: '/x', tags: [], facts: {} })
  catalogue.add(repository, [point('a'), point('b')])
  const known = catalogue.known(repository)
  catalogue.add(repository, [point('c')])
  expect(catalogue.keepOnly(repository, { known, present: ['b'] })).toBe(1)
  expect(catalogue.known(repository)).toEqual(['b', 'c'])
})
