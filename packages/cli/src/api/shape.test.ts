import { resourceTypes } from '@nixen/api'
import { expect, test } from 'vitest'
import { listOf } from './shape.ts'

test.each([...resourceTypes])('names of a %s are looked up in its own list, though others hold some', (type) => {
  expect(listOf(type)?.operation).toBe(`${type}.list`)
})
