import { describe, expect, test } from 'vitest'
import { readingConformance } from '../src/conformance/index.ts'
import { toolstackTarget } from './toolstack-target.ts'

// NIXEN_SEED chooses other changes; NIXEN_LONG_TESTS=1 makes many of them.
const seed = Number(process.env['NIXEN_SEED'] ?? 1)
const changes = process.env['NIXEN_LONG_TESTS'] ? 3000 : 150

describe(`xapi on a toolstack (seed ${seed})`, () => {
  const cases = readingConformance({ seed, changes })
  test.each(cases.map((rule) => [rule.name, rule] as const))(
    '%s',
    async (_, rule) => {
      await expect(rule.run(() => toolstackTarget())).resolves.toBeUndefined()
    },
    30_000 + changes * 200,
  )
})
